"""Records as a table of pandas, if it is installed."""

from collections.abc import Mapping, Sequence
from typing import Any

from keiryo.records.base import Record


def frame_of(records: Sequence[Record]) -> Any:
    """Return a pandas DataFrame with a row for each of `records`.

    The columns are the fields with one value; those of a record within it are named by their path,
    such as `latency_ms.p50`. Lists are left out. Raises ImportError without pandas.
    """
    try:
        import pandas  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise ImportError("to_frame needs pandas: pip install pandas") from None
    return pandas.DataFrame([_values(record.model_dump()) for record in records])


def _values(fields: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            # Keys that are not names of fields, such as those of engines, are data.
            found |= _values(value, f"{path}{name}.")
        elif isinstance(value, tuple) and len(value) == 2:
            found |= {f"{path}{name}.low": value[0], f"{path}{name}.high": value[1]}
        elif not isinstance(value, list | tuple):
            found[f"{path}{name}"] = value
    return found
