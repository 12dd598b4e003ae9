"""The plan of a WaveNet's training, written into its folder so that it can be resumed."""

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keiryo.audio.options import WaveNetOptions
from keiryo.errors import InputError
from keiryo.models.saved import MODEL_FILE
from keiryo.models.wavenet import WaveNetConfiguration
from keiryo.plan_option import validate_plan
from keiryo.recordings.forming import RecordingForm
from keiryo.recordings.locate import is_named_set
from keiryo.recordings.mu_law import CODES
from keiryo.recordings.pack import RecordingPack, is_recording_pack
from keiryo.recordings.sources.tones import TONES
from keiryo.records.places import REPORT_FILE, RESULTS_FILE
from keiryo.records.wavenet import SOUNDS_FOLDER, WAVENET_SNAPSHOTS_FILE
from keiryo.run_folder import RunFolder

PLAN_FILE = "wavenet-plan.json"
FORMAT_VERSION = 1
DEFAULT_EPOCHS = 10
# The least receptive field if --layers is not given: some periods of a voice.
DEFAULT_FIELD_SECONDS = 0.12
MOST_DEFAULT_LAYERS = 14
SHORTEST_DEFAULT_CHUNK = 2000
CHECKPOINT_FILE = "checkpoint.safetensors"
PACK_FOLDER = "recordings"
# What --force removes; packed recordings are kept.
RESULTS = (
    RESULTS_FILE,
    REPORT_FILE,
    CHECKPOINT_FILE,
    MODEL_FILE,
    WAVENET_SNAPSHOTS_FILE,
    SOUNDS_FOLDER,
)


class WaveNetPlan(WaveNetOptions):
    """All that the figures of a training depend on, except its recordings.

    The budget is either `epochs` or `minutes`. `layers` None: as many as give a receptive field
    of 0.12 s. `samples` None: a chunk is twice as long as the receptive field, and at least
    2,000 samples. `trim_db` 0: nothing is cut off the ends of recordings. `begun_epochs` or
    `begun_minutes` is the budget that a training was begun with which was continued after its end.
    """

    format_version: int = FORMAT_VERSION
    data: str = TONES
    begun_epochs: int | None = None
    begun_minutes: float | None = None

    @property
    def form(self) -> RecordingForm:
        """The form that recordings are converted to."""
        return RecordingForm(rate=self.rate, trim_db=self.trim_db or None, normalize=self.normalize)

    def configuration(self, pack: RecordingPack) -> WaveNetConfiguration:
        """Return the configuration of the network for the recordings of `pack`."""
        labels = tuple(len(category.values) for category in pack.categories)
        return self.configuration_of(pack.rate, labels)

    def configuration_of(self, rate: int, labels: tuple[int, ...]) -> WaveNetConfiguration:
        """Return the configuration of the network for recordings of `rate` Hz."""
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
        """Return the length of a chunk in samples, without what comes before it."""
        return self.samples or max(SHORTEST_DEFAULT_CHUNK, 2 * configuration.receptive_field)

    def seconds(self, share: float) -> float | None:
        """Return this share of the budget in seconds; None: it is one of epochs."""
        return None if self.minutes is None else share * self.minutes * 60

    def fingerprint(self, pack: RecordingPack) -> str:
        """Return a digest of all that decides what a checkpoint means."""
        digest = hashlib.blake2b(digest_size=16)
        # Threads and device change roundings only; a longer training continues a shorter one.
        begun = self.model_copy(
            update={
                "epochs": self.begun_epochs or self.epochs,
                "minutes": self.begun_minutes or self.minutes,
            }
        )
        left_out = {"threads", "device", "data", "format_version", "begun_epochs", "begun_minutes"}
        if self.hold_out is None:  # checkpoints of earlier versions know no such option
            left_out.add("hold_out")
        # The format comes first, as it does in checkpoints of earlier versions.
        rest = begun.model_dump_json(exclude=left_out).removeprefix("{")
        kept = f'{{"format_version":{self.format_version},{rest}'
        digest.update(f"{kept}\0{pack.header.fingerprint}\0{pack.rate}".encode())
        return digest.hexdigest()

    def _default_layers(self, rate: int) -> int:
        # Σ dilations of a stack of L layers is 2^L - 1.
        each = DEFAULT_FIELD_SECONDS * rate / (self.stacks * (self.kernel - 1))
        return min(MOST_DEFAULT_LAYERS, max(1, math.ceil(math.log2(each + 1))))


def make_plan(given: Mapping[str, Any]) -> WaveNetPlan:
    """Return the plan of the options that were given, by their field names.

    Raises InputError for values that are not possible.
    """
    options = dict(given)
    if "epochs" in options and "minutes" in options:
        raise InputError("--epochs and --minutes: give one of the two")
    if "epochs" not in options and "minutes" not in options:
        options["epochs"] = DEFAULT_EPOCHS
    plan = validate_plan(WaveNetPlan, options)
    if not plan.trim_db >= 0:
        raise InputError(f"--trim-db {plan.trim_db}: give decibels above 0, or 0 to cut nothing")
    plan.form.check()
    if is_named_set(plan.data):
        return plan
    return plan.model_copy(update={"data": str(Path(plan.data).absolute())})


def resume_plan(given: Mapping[str, Any], out: Path) -> WaveNetPlan:
    """Return the plan of the training in `out`, with `data`, `threads` and `device` as given.

    More `epochs` or `minutes` than before continue it after its end; its schedule becomes that of
    the longer training. Raises InputError if there is no training, or if another option that is
    given again differs.
    """
    folder = wavenet_folder(out)
    plan = folder.read_plan(WaveNetPlan)
    budget = {"epochs": plan.epochs} if plan.epochs is not None else {"minutes": plan.minutes}
    begun_with = {} if {"epochs", "minutes"} & {*given} else budget
    again = make_plan({"data": plan.data, "threads": plan.threads, **begun_with, **given})
    free = [key for key in ("threads", "device") if key in given]
    # The recordings may have moved: the pack tells whether they are the same.
    has_pack = is_recording_pack(out / PACK_FOLDER)
    if "data" in given and has_pack and not any(map(is_named_set, (plan.data, again.data))):
        free.append("data")
    update: dict[str, Any] = {}
    for key in ("epochs", "minutes"):
        before, now = getattr(plan, key), getattr(again, key)
        if key in given and before is not None and now > before:
            free.append(key)
            update[f"begun_{key}"] = getattr(plan, f"begun_{key}") or before
    folder.check_same([key for key in given if key not in free], plan, again)
    return plan.model_copy(update={key: getattr(again, key) for key in free} | update)


def wavenet_folder(out: Path) -> RunFolder:
    """Return `out` as the folder of a WaveNet's training."""
    return RunFolder(out, "WaveNet training", PLAN_FILE, RESULTS)
