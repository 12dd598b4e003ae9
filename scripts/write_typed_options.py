"""Write the options that plans declare as TypedDicts, for editors and type checkers.

    make options

A test fails where a file is not what this writes.
"""

from pathlib import Path
from types import NoneType
from typing import Literal, get_args, get_origin

from keiryo.audio.options import WaveNetOptions
from keiryo.comparison.options import ComparisonOptions
from keiryo.records.base import Record

SOURCE = Path(__file__).parents[1] / "src" / "keiryo"
WRITTEN: dict[str, tuple[str, type[Record]]] = {
    "comparison/typed_options.py": ("PlanOptions", ComparisonOptions),
    "audio/typed_options.py": ("WaveNetPlanOptions", WaveNetOptions),
}


def main() -> None:
    """Write the files."""
    for path in WRITTEN:
        (SOURCE / path).write_text(text_of(path), encoding="utf-8")


def text_of(path: str) -> str:
    """Return what the file at `path` holds."""
    name, record = WRITTEN[path]
    place = f"{record.__module__}.{record.__name__}"
    lines = [
        '"""Options for editors and type checkers, written by `make options`."""',
        "",
        "from typing import Literal, TypedDict",
        "",
        "",
        f"class {name}(TypedDict, total=False):",
        f'    """Options by name; `{place}` explains them."""',
        "",
    ]
    for key, field in record.model_fields.items():
        lines.append(f"    {key}: {type_of(field.annotation)}")
    return "\n".join([*lines, ""])


def type_of(annotation: object) -> str:
    """Return a type as it is written, with None: an option that is None was not given."""
    kinds = [kind for kind in get_args(annotation) if get_origin(annotation) is not Literal]
    words = [
        kind.__name__ if isinstance(kind, type) else str(kind).removeprefix("typing.")
        for kind in kinds or [annotation]
        if kind is not NoneType
    ]
    return " | ".join([*words, "None"]).replace("'", '"')


if __name__ == "__main__":
    main()
