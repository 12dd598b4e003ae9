"""Commands that are made when they are needed, with options that a plan declares.

`keiryo --help` therefore loads no plan, which would take longer than the rest of it.
"""

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from keiryo.cli.options import RUN
from keiryo.errors import InputError

OTHERS = "Other options"
# A help with more arguments and options than these has sections, if they name enough of them.
MOST_UNGROUPED = 16
FEWEST_SECTIONS = 3
# Bounds that the help shows.
LIMITS = {"ge": "at least {}", "le": "at most {}"}


def takes_fields(
    record: str,
    *,
    before: str,
    without: tuple[str, ...] = (),
    only: tuple[str, ...] = (),
    config: bool = False,
) -> Callable[[Any], Any]:
    """Mark a command whose **given options are the fields of `record`, `module:class`.

    The help shows them before the option `before`. Bounds are those of the fields. An option that
    was not given is not passed on. With `config`, all its options can also stand in a file.
    """

    def mark(function: Any) -> Any:
        function.taken_fields = record, before, without, only, config
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


class GroupedCommand(TyperCommand):
    """A command whose help has its options in the sections that they name, if they are many."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        shown = [(one, one.get_help_record(ctx)) for one in self.get_params(ctx)]
        named = {getattr(one, "rich_help_panel", None) for one, _ in shown} - {None}
        is_grouped = len(shown) > MOST_UNGROUPED and len(named) >= FEWEST_SECTIONS
        for one, record in shown:
            if record is None:
                continue
            section = "Options"
            if one.param_type_name == "argument":
                section = "Arguments"
            elif is_grouped:
                section = getattr(one, "rich_help_panel", None) or OTHERS
            sections.setdefault(section, []).append(record)
        for section, records in sorted(sections.items(), key=lambda one: one[0] == OTHERS):
            with formatter.section(section):
                formatter.write_dl(records)


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
        app.command(name, cls=GroupedCommand)(_with_options(found))
        found = app
    command: Any = typer.main.get_command(found)
    command.name = name
    # Typer would put a default that is a text in parentheses, and show bounds as "int range, x>=1".
    for one in command.params:
        if isinstance(one.show_default, str):
            one.help, one.show_default = f"{one.help}  [default: {one.show_default}]", False
        if one.min is not None:
            kind = "<float>" if isinstance(one.default, float) else "<int>"
            one.metavar, one.min, one.max = kind, None, None
    return command


def _with_options(function: Any) -> Any:
    """Return `function` with an option in its signature for each field that it takes."""
    if not hasattr(function, "taken_fields"):
        return function
    place, before, without, only, config = function.taken_fields
    plan = _load(place)
    fields = {
        name: field
        for name, field in plan.model_fields.items()
        if name in (only or [name]) and name not in without
    }

    def command(**values: Any) -> None:
        from keiryo.plan_option import check_options

        values = _without_excluded(values.pop("context"), values)
        values.pop("config", None)
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
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    first = next(place for place, one in enumerate(own) if one.name == before)
    options = [_parameter(plan, name) for name in fields]
    further: list[inspect.Parameter] = []
    if config:

        def read(context: typer.Context, path: Path | None) -> Path | None:
            return _read_config(context, path, fields, plan)

        option = typer.Option(
            metavar="FILE",
            help="TOML file with options by name, such as epochs = 30; or the file with the plan "
            "in the folder of an earlier run. The command line takes precedence.",
            callback=read,
            is_eager=True,  # before the options whose defaults it gives
            rich_help_panel=RUN,
        )
        further.append(
            inspect.Parameter(
                "config",
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[Path | None, option],
            )
        )
    parameters = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for one in (context, *own[:first], *options, *further, *own[first:])
    ]
    command.__signature__ = inspect.Signature(parameters)  # pyright: ignore
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    command.__doc__ = function.__doc__
    return command


def _read_config(context: Any, path: Path | None, fields: Mapping[str, Any], plan: Any) -> Any:
    """Take the options in the file at `path` as defaults of the command line."""
    if path is None:
        return None
    from keiryo.cli.parameters.configuration import read_configuration
    from keiryo.plan_option import check_options, flag_of

    # A switch that is not named as its field, such as --no-dilation of is_dilated.
    switches = {
        flag: name
        for name in fields
        if (flag := flag_of(plan, name).lstrip("-").replace("-", "_")) != name
    }
    names = [one.name for one in context.command.params]
    found = read_configuration(path, [*names, *switches])
    found |= {switches[flag]: not found.pop(flag) for flag in [*found] if flag in switches}
    try:
        check_options(plan, {name: found[name] for name in found if name in fields})
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    for name in found.keys() & fields.keys():
        if fields[name].annotation is bool:  # the switch turns the default around
            found[name] = found[name] is not fields[name].default
    context.default_map = found
    return path


def _without_excluded(context: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` without those of a file that one on the command line excludes."""
    from keiryo.cli.parameters.configuration import EXCLUSIVE

    def is_of(name: str, source: str) -> bool:
        found = context.get_parameter_source(name)
        return found is not None and found.name == source

    left_out = {
        one
        for pair in EXCLUSIVE
        for one in pair
        if is_of(one, "DEFAULT_MAP") and any(is_of(other, "COMMANDLINE") for other in pair)
    }
    return {name: None if name in left_out else value for name, value in values.items()}


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
        option = typer.Option(flag, help=field.description, rich_help_panel=extra["group"])
        annotation, default = Annotated[bool, option], False
    else:
        default = None if field.is_required() or field.default is None else str(field.default)
        bounds = [(name, getattr(one, name, 0)) for one in field.metadata for name in LIMITS]
        limits = [LIMITS[name].format(bound) for name, bound in bounds if bound > 1]
        notes = [*filter(None, [extra["shown"] or default]), *limits]
        shown = "; ".join(notes) or False
        option = typer.Option(
            flag,
            help=field.description,
            metavar=extra["metavar"],
            show_default=shown,
            rich_help_panel=extra["group"],
        )
        annotation, default = Annotated[kind | None, option], None
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )
