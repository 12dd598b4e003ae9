"""What a training of a WaveNet will do, as it stands in its folder so that it can go on later."""

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from keiryo.errors import InputError
from keiryo.files import write_text
from keiryo.models.wavenet import Output, WaveNetConfiguration
from keiryo.recordings.forming import DEFAULT_TRIM_DB, RecordingForm
from keiryo.recordings.locate import TONES
from keiryo.recordings.mu_law import CODES
from keiryo.recordings.pack import RecordingPack
from keiryo.records.base import Record

PLAN_FILE = "wavenet-plan.json"
FORMAT_VERSION = 1
DEFAULT_EPOCHS = 10
# What the receptive field is at least, where --layers is not given: some periods of a voice.
DEFAULT_FIELD_SECONDS = 0.12
MOST_DEFAULT_LAYERS = 12
SHORTEST_DEFAULT_CHUNK = 2000
OPTION_NAMES = {"is_dilated": "no-dilation", "trim_db": "trim-db"}


class WaveNetPlan(Record):
    """Everything that a training's figures depend on, its recordings apart.

    The budget is `epochs` or `minutes`. `layers`: of each stack; None: as many as give a
    receptive field of 0.12 s. `samples` is how long a chunk is, None: twice the receptive field
    and at least 2,000; `batch` how many there are a step. `trim_db` 0: nothing is cut off the
    recordings' ends.
    """

    format_version: int = FORMAT_VERSION
    data: str = TONES
    condition: str | None = None
    rate: int | None = None
    trim_db: float = DEFAULT_TRIM_DB
    normalize: bool = False
    stacks: int = Field(default=2, ge=1, le=20)
    layers: int | None = Field(default=None, ge=1, le=16)
    kernel: int = Field(default=2, ge=2, le=16)
    residual: int = Field(default=32, ge=1, le=4096)
    skip: int = Field(default=64, ge=1, le=4096)
    output: Output = "softmax"
    is_dilated: bool = True
    epochs: int | None = Field(default=None, ge=1)
    minutes: float | None = Field(default=None, gt=0, lt=math.inf)
    batch: int = Field(default=4, ge=1)
    samples: int | None = Field(default=None, ge=1)
    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = Field(default=5e-3, gt=0, lt=math.inf)
    seed: int = Field(default=0, ge=0)
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: int = Field(ge=1)

    @property
    def form(self) -> RecordingForm:
        """What recordings are brought into."""
        return RecordingForm(rate=self.rate, trim_db=self.trim_db or None, normalize=self.normalize)

    def configuration(self, pack: RecordingPack) -> WaveNetConfiguration:
        """Return that of the network for the recordings of `pack`."""
        labels = tuple(len(category.values) for category in pack.categories)
        return self.configuration_of(pack.rate, labels)

    def configuration_of(self, rate: int, labels: tuple[int, ...]) -> WaveNetConfiguration:
        """Return that of the network for recordings of `rate` samples a second."""
        return WaveNetConfiguration(
            stacks=self.stacks,
            layers_per_stack=self.layers or self._default_layers(rate),
            kernel_size=self.kernel,
            dilated=self.is_dilated,
            residual_channels=self.residual,
            gate_channels=self.residual,
            skip_channels=self.skip,
            output=self.output,
            levels=CODES,
            labels=labels,
        )

    def chunk_samples(self, configuration: WaveNetConfiguration) -> int:
        """Return how many samples of its own a chunk has."""
        return self.samples or max(SHORTEST_DEFAULT_CHUNK, 2 * configuration.receptive_field)

    def fingerprint(self, pack: RecordingPack) -> str:
        """Return a text that changes with anything that changes what a checkpoint means."""
        digest = hashlib.blake2b(digest_size=16)
        # How many threads there are and where it runs changes roundings, not the meaning.
        kept = self.model_dump_json(exclude={"threads", "device", "data"})
        digest.update(f"{kept}\0{pack.header.fingerprint}\0{pack.rate}".encode())
        return digest.hexdigest()

    def _default_layers(self, rate: int) -> int:
        # Σ dilations of a stack of L layers is 2^L - 1.
        each = DEFAULT_FIELD_SECONDS * rate / (self.stacks * (self.kernel - 1))
        return min(MOST_DEFAULT_LAYERS, max(1, math.ceil(math.log2(each + 1))))


def new_plan(given: Mapping[str, Any]) -> WaveNetPlan:
    """Return the plan of the options that were given, by the plan's own names.

    Raises InputError for values that are not possible.
    """
    options = dict(given)
    if "epochs" in options and "minutes" in options:
        raise InputError("--epochs and --minutes: give one of the two")
    if "epochs" not in options and "minutes" not in options:
        options["epochs"] = DEFAULT_EPOCHS
    try:
        plan = WaveNetPlan.model_validate(options)
    except ValidationError as error:
        first = error.errors()[0]
        name = option_name(str(first["loc"][0]))
        raise InputError(f"--{name} {first['input']}: {first['msg']}") from None
    if not plan.trim_db >= 0:
        raise InputError(f"--trim-db {plan.trim_db}: give decibels above 0, or 0 to cut nothing")
    plan.form.check()
    if plan.data.partition(":")[0] == TONES:
        return plan
    return plan.model_copy(update={"data": str(Path(plan.data).absolute())})


def resumed_plan(given: Mapping[str, Any], out: Path) -> WaveNetPlan:
    """Return the plan of the training in `out`; options given again must be the same as then.

    But for `threads` and `device`, which may be others. Raises InputError where there is none.
    """
    plan = read_plan(out)
    budget = {"epochs": plan.epochs} if plan.epochs is not None else {"minutes": plan.minutes}
    begun_with = {
        key: value for key, value in budget.items() if not {"epochs", "minutes"} & {*given}
    }
    again = new_plan({"data": plan.data, "threads": plan.threads, **begun_with, **given})
    for key in given:
        then, now = getattr(plan, key), getattr(again, key)
        if then != now and key not in ("threads", "device"):
            begun = "without it" if then is None else f"with {then}"
            raise InputError(
                f"--{option_name(key)} {now}: the training in {out} was begun {begun}; leave the "
                "option out, or use another --out"
            )
    return plan.model_copy(
        update={key: getattr(again, key) for key in ("threads", "device") if key in given}
    )


def option_name(key: str) -> str:
    """Return what the plan's `key` is called on the command line."""
    return OPTION_NAMES.get(key, key.replace("_", "-"))


def has_plan(out: Path) -> bool:
    """Return whether `out` is the folder of a WaveNet's training."""
    return (out / PLAN_FILE).is_file()


def read_plan(out: Path) -> WaveNetPlan:
    """Return the plan of the training in `out`; raise InputError where there is none."""
    try:
        return WaveNetPlan.model_validate_json((out / PLAN_FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"--out {out}: holds no training to go on with (no {PLAN_FILE})") from None
    except ValidationError:
        raise InputError(
            f"{out / PLAN_FILE}: damaged, or by another version; use another --out"
        ) from None


def write_plan(out: Path, plan: WaveNetPlan) -> None:
    """Write the plan into `out`."""
    write_text(out / PLAN_FILE, plan.model_dump_json(indent=2))
