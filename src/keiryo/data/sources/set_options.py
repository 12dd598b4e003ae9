"""The options of a built-in set, as in `petals:count=200,seed=1`."""

from collections.abc import Mapping
from typing import Any

from keiryo.errors import InputError


def read_set_options(data: str, limits: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """Return the options in `data`, such as `petals:count=200,seed=1`, by name.

    `limits` gives the least and the most of each option; if they are int, so is the option.
    Raises InputError for an option that is unknown, given twice or outside its limits.
    """
    name, _, options = data.partition(":")
    given: dict[str, Any] = {}
    for part in filter(None, options.split(",")):
        key, _, text = part.partition("=")
        if key not in limits:
            raise InputError(
                f"{data}: {name} has no option '{key}'; it has {', '.join(limits) or 'none'}"
            )
        if key in given:
            raise InputError(f"{data}: option '{key}' is given twice")
        least, most = limits[key]
        kind = type(least)
        try:
            given[key] = kind(text)
            if not least <= given[key] <= most:
                raise ValueError
        except ValueError:
            number = "a whole number" if kind is int else "a number"
            raise InputError(f"{data}: {key} must be {number} from {least} to {most}") from None
    return given
