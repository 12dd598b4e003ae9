"""Commands that are made when they are needed, with options that a plan declares.

`keiryo --help` therefore loads no plan, which would take longer than the rest of it.
"""

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

# Bounds that the help shows.
LIMITS = {"ge": "at least {}", "le": "at most {}"}


def takes_fields(
    record: str, *, before: str, without: tuple[str, ...] = (), only: tuple[str, ...] = ()
) -> Callable[[Any], Any]:
    """Mark a command whose **given options are the fields of `record`, `module:class`.

    The help shows them before the option `before`. Bounds are those of the fields. An option that
    was not given is not passed on.
    """

    def mark(function: Any) -> Any:
        function.taken_fields = record, before, without, only
        return function

    return mark


def lazy_group(places: Mapping[str, str]) -> type[TyperGroup]:
    """Return a group of commands, each a function or a Typer app: name -> `module:attribute`."""

    class LazyGroup(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            self.commands = _Commands(places)  # pyright: ignore[reportAttributeAccessIssue]

        def format_commands(self, ctx: Any, formatter: Any) -> None:
            with formatter.section("Commands"):
                formatter.write_dl([(name, _help_of(place)) for name, place in places.items()])

    return LazyGroup


class _Commands(Mapping[str, Any]):
    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> Any:
        return _make_command(name, self._places[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _load(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def _help_of(place: str) -> str:
    found = _load(place)
    text = found.info.help if isinstance(found, typer.Typer) else inspect.getdoc(found)
    return (text or "").partition("\n")[0]


@cache
def _make_command(name: str, place: str) -> Any:
    found = _load(place)
    if not isinstance(found, typer.Typer):
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name)(_with_options(found))
        found = app
    command: Any = typer.main.get_command(found)
    command.name = name
    # Typer would put a default that is a text in parentheses, and show bounds as "int range, x>=1".
    for one in command.params:
        if isinstance(one.show_default, str):
            one.help, one.show_default = f"{one.help}  [default: {one.show_default}]", False
        if one.min is not None:
            one.metavar, one.min, one.max = "<int>", None, None
    return command


def _with_options(function: Any) -> Any:
    """Return `function` with an option in its signature for each field that it takes."""
    if not hasattr(function, "taken_fields"):
        return function
    place, before, without, only = function.taken_fields
    plan = _load(place)
    fields = {
        name: field
        for name, field in plan.model_fields.items()
        if name in (only or [name]) and name not in without
    }

    def command(**values: Any) -> None:
        from keiryo.plan_option import check_options

        given: dict[str, Any] = {}
        for name, field in fields.items():
            value = values.pop(name)
            if value is True:
                given[name] = not field.default  # a switch turns the default around
            elif value is not None and value is not False:  # 0 is a value
                given[name] = value
        check_options(plan, given)
        function(**values, **given)

    *own, _ = inspect.signature(function).parameters.values()
    first = next(place for place, one in enumerate(own) if one.name == before)
    options = [_parameter(plan, name) for name in fields]
    parameters = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for one in (*own[:first], *options, *own[first:])
    ]
    command.__signature__ = inspect.Signature(parameters)  # pyright: ignore
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    command.__doc__ = function.__doc__
    return command


def _parameter(plan: Any, name: str) -> inspect.Parameter:
    """Return the command line's option for a field; None or False means: not given."""
    from keiryo.plan_option import flag_of

    field = plan.model_fields[name]
    extra = field.json_schema_extra
    kind = field.annotation
    if type(None) in typing.get_args(kind):
        kind = next(one for one in typing.get_args(kind) if one is not type(None))
    flag = flag_of(plan, name)
    if kind is bool:
        option = typer.Option(flag, help=field.description)
        annotation, default = Annotated[bool, option], False
    else:
        default = None if field.is_required() or field.default is None else str(field.default)
        bounds = [(name, getattr(one, name, 0)) for one in field.metadata for name in LIMITS]
        limits = [LIMITS[name].format(bound) for name, bound in bounds if bound > 1]
        notes = [*filter(None, [extra["shown"] or default]), *limits]
        shown = "; ".join(notes) or False
        option = typer.Option(
            flag, help=field.description, metavar=extra["metavar"], show_default=shown
        )
        annotation, default = Annotated[kind | None, option], None
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )
