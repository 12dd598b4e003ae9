"""Options read from a file: TOML with the names of options, or the plan of an earlier run."""

import difflib
import json
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from keiryo.errors import InputError

# What a plan records beside options.
RECORDED = frozenset(
    {
        *("format_version", "preset", "pretrained_digests", "split_by", "data_fingerprint"),
        *("begun_epochs", "begun_minutes", "chosen"),
    }
)
NEVER_IN_A_FILE = frozenset({"config", "help"})
# Of two that exclude each other, the one on the command line is taken.
EXCLUSIVE = (("epochs", "minutes", "total_minutes"),)


def read_configuration(path: Path, names: Collection[str]) -> dict[str, Any]:
    """Return the options in the file at `path`, by name; `names` are those that there are.

    `max-params` and `max_params` are the same. Lists become texts separated by commas. Raises
    InputError for a file that cannot be read and for an unknown option.
    """
    given = _read(path)
    if "format_version" in given:  # a plan
        given = {
            name: value
            for name, value in given.items()
            if name not in RECORDED and value is not None
        }
        if "total_minutes" in given:
            del given["minutes"]  # which follow from it
    known = set(names) - NEVER_IN_A_FILE
    found: dict[str, Any] = {}
    for key, value in given.items():
        name = str(key).lstrip("-").replace("-", "_")
        if name == "models" and name not in known and "model" in known:
            name = "model"  # of `keiryo train`
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            raise InputError(f"{path}: there is no option '{key}'{hint}")
        if isinstance(value, list):
            value = ",".join(map(str, value))
        if not isinstance(value, (str, int, float, bool)):
            raise InputError(f"{path}: {key}: give a text, a number, true, false or a list")
        found[name] = value
    return found


def _read(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"--config {path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise InputError(f"--config {path}: cannot be read: {reason}") from None
    try:
        given = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"--config {path}: neither TOML nor a plan: {error}") from None
    if not isinstance(given, dict):
        raise InputError(f"--config {path}: give options by name")
    return given
