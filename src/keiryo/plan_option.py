"""The declaration of an option: a field of a plan, and how the command line shows it."""

from typing import Any

from pydantic import Field


def option(
    default: Any,
    description: str,
    *,
    shown: str | None = None,
    metavar: str | None = None,
    flag: str | None = None,
    **bounds: float,
) -> Any:
    """Return the field of a plan for an option of the command line.

    `shown` is the default as users read it, if it is not `default` itself; `flag` names the
    switch that turns the default around, if it is not the field's own name. `bounds` are
    pydantic's: ge, gt, le, lt.
    """
    extra = {"shown": shown, "metavar": metavar, "flag": flag}
    return Field(default, description=description, json_schema_extra=extra, **bounds)  # pyright: ignore
