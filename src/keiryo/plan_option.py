"""The declaration of an option: a field of a plan, and how the command line shows it."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from keiryo.errors import InputError
from keiryo.records.base import Record

AnyPlan = TypeVar("AnyPlan", bound=Record)


def option(
    default: Any,
    description: str,
    *,
    shown: str | None = None,
    metavar: str | None = None,
    flag: str | None = None,
    group: str | None = None,
    **bounds: float,
) -> Any:
    """Return the field of a plan for an option of the command line.

    `shown` is the default as users read it, if it is not `default` itself; `flag` names the
    switch that turns the default around, if it is not the field's own name; `group` is the section
    of the help that has it. `bounds` are pydantic's: ge, gt, le, lt.
    """
    extra = {"shown": shown, "metavar": metavar, "flag": flag, "group": group}
    return Field(default, description=description, json_schema_extra=extra, **bounds)  # pyright: ignore


def flag_of(plan: type[Record], name: str) -> str:
    """Return the flag of the command line for the field `name` of `plan`."""
    field = plan.model_fields.get(name)
    extra = field.json_schema_extra if field else None
    flag = extra.get("flag") if isinstance(extra, dict) else None
    return str(flag or f"--{name.replace('_', '-')}")


def check_options(plan: type[Record], given: Mapping[str, Any]) -> None:
    """Raise InputError if `plan` does not take the value of an option that is `given`.

    Options that are missing are no error.
    """
    try:
        plan.model_validate(given)
    except ValidationError as error:
        for found in error.errors():
            if found["type"] != "missing":
                value = "" if isinstance(found["input"], list) else f" {found['input']}"
                flag = flag_of(plan, str(found["loc"][0]))
                raise InputError(f"{flag}{value}: {found['msg']}") from None


def validate_plan(plan: type[AnyPlan], options: Mapping[str, Any]) -> AnyPlan:
    """Return the plan of `options`; raise InputError for a value that is not possible."""
    check_options(plan, options)
    return plan.model_validate(options)
