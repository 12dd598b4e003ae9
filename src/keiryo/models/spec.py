"""The grammar of model names: `NAME[:key=value,...]`, `timm/NAME` or `FILE.py:FACTORY`.

`mobilenet_v2:width=0.5`, `vgg16:norm=batch`, `densenet:layers=16-16-16,growth=12`,
`my_models.py:make_net`, `my_package.models:make_net`.
"""

import difflib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args, get_origin

from torch import nn

from keiryo.errors import InputError
from keiryo.models.classifier import PROVISIONAL_CLASSES, without_classifier
from keiryo.models.families import (
    densenet,
    efficientnet,
    mobilenet,
    mobilenet_v3,
    mobilenet_v4,
    resnet,
    shufflenet,
    vgg,
)
from keiryo.models.timm_models import TIMM_PREFIX, build_timm_network
from keiryo.models.users_module import FILE_SUFFIX, UnknownModuleError, build_users_network

OptionValue = str | int | float | tuple[int, ...]
Factory = Callable[..., nn.Module]

FACTORIES: dict[str, Factory] = {
    "mobilenet_v1": mobilenet.mobilenet_v1,
    "mobilenet_v2": mobilenet.mobilenet_v2,
    "mobilenet_v3_small": mobilenet_v3.mobilenet_v3_small,
    "mobilenet_v3_large": mobilenet_v3.mobilenet_v3_large,
    "mobilenet_v4_conv_small": mobilenet_v4.mobilenet_v4_conv_small,
    "mobilenet_v4_conv_medium": mobilenet_v4.mobilenet_v4_conv_medium,
    "efficientnet_b0": efficientnet.efficientnet_b0,
    "efficientnet_lite0": efficientnet.efficientnet_lite0,
    "shufflenet_v2": shufflenet.shufflenet_v2,
    "vgg11": vgg.vgg11,
    "vgg13": vgg.vgg13,
    "vgg16": vgg.vgg16,
    "vgg19": vgg.vgg19,
    "resnet18": resnet.resnet18,
    "resnet34": resnet.resnet34,
    "resnet50": resnet.resnet50,
    "densenet": densenet.densenet,
    "densenet121": densenet.densenet121,
    "densenet169": densenet.densenet169,
    "densenet201": densenet.densenet201,
}

# The option that depends on the size of the images, and the function that chooses it.
OPTIONS_BY_SIZE: dict[str, tuple[str, Callable[[int], OptionValue]]] = {
    "densenet": ("stem", densenet.fitting_stem),
}

SURELY_MEANT = 0.85  # likeness of a misspelt name


@dataclass(frozen=True)
class ModelSpec:
    """A model's name with its options, or a user's factory."""

    name: str
    options: tuple[tuple[str, OptionValue], ...] = ()
    factory: str | None = None

    def __str__(self) -> str:
        if self.factory is not None:
            return f"{self.name}:{self.factory}"
        options = ",".join(f"{key}={_format(value)}" for key, value in self.options)
        return f"{self.name}:{options}" if options else self.name


@dataclass(frozen=True)
class ModelOption:
    """An option of a family: its key, its default and its choices, if it has a list of them."""

    key: str
    default: OptionValue
    choices: tuple[str, ...]


def parse_spec(text: str) -> ModelSpec:
    """Parse one model name; raise InputError if it names no model."""
    name, colon, rest = text.strip().partition(":")
    if name.startswith(TIMM_PREFIX):
        if rest:
            raise InputError(f"{text}: {name} takes no options; leave out ':{rest}'")
        return ModelSpec(name=name)
    if name not in FACTORIES:
        if colon and "=" not in rest:
            return ModelSpec(name=name, factory=rest)
        raise InputError(_unknown_model(name))
    allowed = {option.key: option for option in model_options(name)}
    given: dict[str, OptionValue] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or key not in allowed:
            raise InputError(
                f"{text}: {name} has no option '{key}'; it has {', '.join(sorted(allowed))}"
            )
        if key in given:
            raise InputError(f"{text}: option '{key}' is given twice")
        given[key] = _convert(text, allowed[key], value)
    ordered = tuple((key, given[key]) for key in allowed if key in given)
    return ModelSpec(name=name, options=ordered)


def parse_specs(text: str) -> list[ModelSpec]:
    """Parse a comma-separated list of models.

    Commas separate options too: a piece such as `growth=12` is an option of the model before it.
    """
    specs: list[str] = []
    for piece in (piece.strip() for piece in text.split(",")):
        if not piece:
            continue
        if specs and "=" in piece and ":" not in piece:
            specs[-1] += "," + piece
        else:
            specs.append(piece)
    if not specs:
        raise InputError("--models: name at least one model, for example mobilenet_v2:width=0.5")
    parsed = [parse_spec(spec) for spec in specs]
    for spec in parsed:
        if parsed.count(spec) > 1:
            raise InputError(f"--models: {spec} is named twice")
    return parsed


def build(spec: str | ModelSpec, *, classes: int | None) -> nn.Module:
    """Build the model that `spec` names, for `classes` classes.

    Returns a module from images (N, 3, H, W) to logits (N, classes). Weights are initialised
    at random by torch's default generator. If `classes` is None, the network has no classifier and
    returns features; a user's own network is then taken as it is. Raises InputError for an unknown
    model or option, or a factory that cannot be found or called.
    """
    if isinstance(spec, str):
        spec = parse_spec(spec)
    if spec.factory is not None:
        try:
            return build_users_network(spec.name, spec.factory, classes)
        except UnknownModuleError:
            raise InputError(_unknown_model(spec.name)) from None
    if spec.name.startswith(TIMM_PREFIX):
        return build_timm_network(spec.name, classes)
    try:
        network = FACTORIES[spec.name](classes or PROVISIONAL_CLASSES, **dict(spec.options))
        return without_classifier(network) if classes is None else network
    except (ValueError, ZeroDivisionError, RuntimeError) as error:
        raise InputError(f"{spec}: cannot be built: {error}") from error


def fit_to_size(spec: ModelSpec, size: int) -> ModelSpec:
    """Return `spec` with the options that fit images of `size` x `size` pixels.

    Options that are given remain. A default that fits is not written out.
    """
    if spec.name not in OPTIONS_BY_SIZE:
        return spec
    key, choose = OPTIONS_BY_SIZE[spec.name]
    given = dict(spec.options)
    chosen = {key: choose(size), **given}
    defaults = {option.key: option.default for option in model_options(spec.name)}
    options = tuple(
        (name, chosen[name])
        for name in defaults
        if name in given or chosen.get(name, defaults[name]) != defaults[name]
    )
    return replace(spec, options=options)


def source_file(spec: ModelSpec) -> Path | None:
    """Return the FILE.py in which a user's own network is defined; None for any other model."""
    return Path(spec.name) if spec.factory and spec.name.endswith(FILE_SUFFIX) else None


def model_options(name: str) -> list[ModelOption]:
    """Return the options of the model `name`, as its constructor declares them."""
    options = []
    for parameter in inspect.signature(FACTORIES[name]).parameters.values():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        annotation = parameter.annotation
        choices = get_args(annotation) if get_origin(annotation) is Literal else ()
        options.append(ModelOption(parameter.name, parameter.default, choices))
    return options


def all_options(spec: ModelSpec) -> dict[str, OptionValue]:
    """Return the options of `spec` and the defaults of those not given; none if not keiryo's."""
    if spec.name not in FACTORIES:
        return {}
    return {option.key: option.default for option in model_options(spec.name)} | dict(spec.options)


def option_choices(option: ModelOption) -> str:
    """Return the choices of `option`, its default first (`batch|layer|...`), or its default."""
    if not option.choices:
        return _format(option.default)
    others = [choice for choice in option.choices if choice != option.default]
    return "|".join([str(option.default), *others])


def _convert(text: str, option: ModelOption, value: str) -> OptionValue:
    try:
        if option.choices:
            if value not in option.choices:
                raise ValueError
            return value
        if isinstance(option.default, tuple):
            numbers = tuple(int(number) for number in value.split("-"))
            if not numbers or min(numbers) < 1:
                raise ValueError
            return numbers
        number = type(option.default)(value)
        if not 0 < float(number) < float("inf"):
            raise ValueError
        return number
    except ValueError:
        expected = (
            ", ".join(option.choices)
            if option.choices
            else f"a positive value such as {_format(option.default)}"
        )
        raise InputError(f"{text}: {option.key}={value} is not possible; give {expected}") from None


def _format(value: OptionValue) -> str:
    return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _unknown_model(name: str) -> str:
    if name.endswith(FILE_SUFFIX):
        return (
            f"{name}: name the function or class in it that makes the network, as "
            f"{name}:FACTORY; keiryo calls FACTORY(classes)"
        )
    nearest = difflib.get_close_matches(name, FACTORIES, n=1, cutoff=0.5)
    suggestion = f"; did you mean {nearest[0]}?" if nearest else "."
    hint = ""
    if re.fullmatch(r"\w*[a-z]\w*", name) and not difflib.get_close_matches(
        name, FACTORIES, cutoff=SURELY_MEANT
    ):
        hint = f" If timm has it, name it {TIMM_PREFIX}{name}."
    return f"unknown model '{name}'{suggestion} `keiryo models` lists every model.{hint}"
