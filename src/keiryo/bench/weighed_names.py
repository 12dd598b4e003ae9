"""The names of models that can be weighed: those that can be trained on images, and WaveNets."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from keiryo.errors import InputError
from keiryo.models.spec import ModelSpec, parse_spec
from keiryo.models.wavenet import WaveNetConfiguration

WAVENET = "wavenet"
# A second of speech, as WaveNet's benchmark has it.
WAVENET_SAMPLES = 16_000


@dataclass(frozen=True)
class WaveNetSpec:
    """A WaveNet by its configuration, as `wavenet:stacks=2,residual_channels=64` names it."""

    text: str
    configuration: WaveNetConfiguration

    def __str__(self) -> str:
        return self.text

    @property
    def inputs(self) -> list[str]:
        """The inputs of a second of audio: samples in one-hot form, then its conditions."""
        c = self.configuration
        frames = max(1, WAVENET_SAMPLES // c.samples_per_frame)
        inputs = [f"{c.input_channels}x{frames * c.samples_per_frame}"]
        if c.labels:
            inputs.append(f"labels={len(c.labels)}:int64")
        if c.local_channels:
            inputs.append(f"local={c.local_channels}x{frames}")
        return inputs


def read_model(text: str) -> ModelSpec | WaveNetSpec:
    """Read the name of a model that can be weighed; raise InputError if it names none."""
    name, _, options = text.strip().partition(":")
    return _read_wavenet(text, options) if name == WAVENET else parse_spec(text)


def _read_wavenet(text: str, options: str) -> WaveNetSpec:
    known = {field.name: field for field in dataclasses.fields(WaveNetConfiguration)}
    given: dict[str, Any] = {}
    for part in filter(None, options.split(",")):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or key not in known:
            raise InputError(
                f"{text}: {WAVENET} has no option '{key}'; it has {', '.join(sorted(known))}"
            )
        if key in given:
            raise InputError(f"{text}: option '{key}' is given twice")
        try:
            given[key] = _reader(known[key].type)(value)
        except ValueError:
            default = known[key].default
            raise InputError(
                f"{text}: {key}={value} is not possible; give a value such as {default}"
            ) from None
    try:
        return WaveNetSpec(text, WaveNetConfiguration(**given))
    except InputError as error:
        raise InputError(f"{text}: {error}") from None


def _reader(kind: Any) -> Callable[[str], Any]:
    """Return the function that reads an option of this type; it raises ValueError."""

    def choice(value: str) -> str:
        if value not in get_args(kind):
            raise ValueError
        return value

    def flag(value: str) -> bool:
        if value not in ("true", "false"):
            raise ValueError
        return value == "true"

    def numbers(value: str) -> tuple[int, ...]:
        return tuple(int(number) for number in value.split("-"))

    if get_origin(kind) is Literal:
        return choice
    if kind is bool:
        return flag
    return int if kind is int else numbers
