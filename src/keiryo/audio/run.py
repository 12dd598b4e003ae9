"""A WaveNet's training: packing and splitting recordings, training, evaluating, saving."""

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError
from torch import nn

from keiryo.audio.examples import Examples
from keiryo.audio.plan import CHECKPOINT_FILE, PACK_FOLDER, WaveNetPlan, wavenet_folder
from keiryo.audio.saved import SavedWaveNet, save_wavenet
from keiryo.audio.summaries import summary_of_epoch, summary_of_network, summary_of_recordings
from keiryo.audio.training.diagnosis import SoundEvidence, diagnose_wavenet
from keiryo.audio.training.evaluation import (
    Extent,
    Likelihood,
    counts_of_codes,
    entropy_of_codes,
)
from keiryo.audio.training.initialization import initialize
from keiryo.audio.training.objective import NATS_PER_BIT
from keiryo.audio.training.task import WaveNetTask, wavenet_recipe
from keiryo.errors import InputError
from keiryo.files import write_text
from keiryo.kernels.compiling import watch_compiling
from keiryo.measure.machine import describe_machine
from keiryo.measure.memory import peak_memory_bytes
from keiryo.models.saved import MODEL_FILE
from keiryo.models.wavenet import WaveNet
from keiryo.recordings.chunks import ChunkBatch, ChunkBatches, Chunks
from keiryo.recordings.locate import locate_recordings
from keiryo.recordings.mu_law import CODES
from keiryo.recordings.pack import RecordingPack
from keiryo.recordings.packing import prepare_recording_pack
from keiryo.recordings.split import split_recordings
from keiryo.records.places import RESULTS_FILE
from keiryo.records.training import Epoch, SnapshotFile
from keiryo.records.wavenet import (
    WAVENET_SNAPSHOTS_FILE,
    LossPoint,
    NetworkSummary,
    RecordingsSummary,
    Sound,
    WaveNetEpoch,
    WaveNetTraining,
)
from keiryo.train.budget import Budget
from keiryo.train.device import choose_device, prepare_device
from keiryo.train.listener import TrainingListener, TrainingProgress
from keiryo.train.loop import Training
from keiryo.train.task import EvaluationStoppedError
from keiryo.version import __version__

# Held-out samples evaluated after each epoch: at least so many, or this share of the training ones.
# A training step costs three times as much per sample, so evaluation takes little of the time.
FEWEST_EVALUATED = 50_000
EVALUATED_SHARE = 0.05
# Shares of a budget of minutes: an evaluation after an epoch takes at most so much; this is kept
# back for the evaluations and for the sounds at the end.
EPOCH_EVALUATION_SHARE = 0.05
LAST_EVALUATIONS_SHARE = 0.12
SOUNDS_SHARE = 0.08
# Of the time for the last evaluations: held-out recordings, with the conditions of others as well,
# and training recordings.
HELD_OUT_PART = 0.7
# The same chunks are evaluated in every training of the same recordings.
EVALUATION_SEED = 0
RECORDED_OPTIONS = {"seed", "batch", "optimizer", "learning_rate", "epochs", "minutes"}


class WaveNetListener:
    """Base class: it hears of the training's events, does nothing, and never stops it."""

    def packing(self, done: int, total: int) -> None:
        """`done` of `total` recordings are decoded."""

    def began(self, data: RecordingsSummary, network: NetworkSummary) -> None:
        """The training begins, of this network on these recordings."""

    def continued(self, steps: int, learning_rate: float) -> None:
        """The training continues after so many steps, at this learning rate."""

    def progressed(self, progress: TrainingProgress) -> None:
        """A step was made."""

    def evaluating(self, seconds: float) -> None:
        """An evaluation begins that is expected to take so many seconds; 0: not known."""

    def compiling(self) -> None:
        """Kernels are compiled, which takes some 15 s, once on each machine."""

    def generating(self) -> None:
        """The sounds at the end are generated."""

    def epoch_ended(self, epoch: WaveNetEpoch, sound: Sound | None) -> None:
        """An epoch ended; `sound` was generated after it, if any."""

    def finished(self, training: WaveNetTraining) -> None:
        """The training ended, failed or was stopped."""

    def wants_stop(self) -> bool:
        """Return True to stop at the next step."""
        return False


def run_wavenet_training(
    plan: WaveNetPlan, out: Path, *, resume: bool, force: bool, listener: WaveNetListener
) -> WaveNetTraining:
    """Carry out `plan`; with `resume`, continue from the checkpoint in `out` if there is one.

    Writes `model.safetensors`, `results.json`, `snapshots.json`, sounds and a checkpoint into
    `out`. Raises InputError for what is not possible, and KeyboardInterrupt if it was stopped
    before the training began.
    """
    device = choose_device(plan.device)
    prepare_device(device, threads=plan.threads)
    if resume:
        wavenet_folder(out).clear_leftovers()
        if (finished := read_training(out)) is not None and finished.complete:
            if (finished.epochs, finished.minutes) == (plan.epochs, plan.minutes):
                return finished
            if not (out / CHECKPOINT_FILE).is_file():
                raise InputError(
                    f"--out {out}: ended without a {CHECKPOINT_FILE} (an earlier version removed "
                    "it), so it cannot be continued; begin again with --force"
                )
        _keep_longer_budget(plan, out)
    else:
        # A missing set is reported before a folder is made.
        locate_recordings(plan.data, condition=plan.condition)
        wavenet_folder(out).claim(plan, force=force)
    try:
        return _Run(plan, out, device, listener).result()
    except InputError:
        if not resume:
            wavenet_folder(out).release(PACK_FOLDER)
        raise


def _keep_longer_budget(plan: WaveNetPlan, out: Path) -> None:
    """Write the budget of `plan` into the folder, if it is longer than before."""
    folder = wavenet_folder(out)
    before = folder.read_plan(WaveNetPlan)
    budget = ("epochs", "minutes", "begun_epochs", "begun_minutes")
    after = before.model_copy(update={key: getattr(plan, key) for key in budget})
    if after != before:
        folder.write_plan(after)


def read_training(out: Path) -> WaveNetTraining | None:
    """Return the results in `out`; None if there are none that can be read."""
    try:
        return WaveNetTraining.model_validate_json((out / RESULTS_FILE).read_bytes())
    except (OSError, ValidationError):
        return None


class _Run:
    def __init__(
        self, plan: WaveNetPlan, out: Path, device: torch.device, listener: WaveNetListener
    ) -> None:
        self._plan, self._out, self._device, self._listener = plan, out, device, listener
        whole = self._packed()
        self._splits = split_recordings(whole, seed=plan.seed, hold_out=plan.hold_out)
        self._pack = self._splits.pack
        self._configuration = plan.configuration(self._pack)

    def result(self) -> WaveNetTraining:
        """Train, and return the record of the training."""
        plan, pack, splits = self._plan, self._pack, self._splits
        data = summary_of_recordings(pack, splits, self._configuration.receptive_field)
        network_summary = summary_of_network(self._configuration, pack.rate)
        self._listener.began(data, network_summary)
        samples = plan.chunk_samples(self._configuration)
        recipe = wavenet_recipe(optimizer=plan.optimizer, learning_rate=plan.learning_rate)
        counts = counts_of_codes(pack, splits.train)
        torch.manual_seed(plan.seed)
        network = WaveNet(self._configuration)
        initialize(network, counts)
        held_out = self._chunks(splits.val, samples)
        task = WaveNetTask(
            network,
            ChunkBatches(self._chunks(splits.train, samples), batch=plan.batch, seed=plan.seed),
            held_out,
            recipe=recipe,
            device=self._device,
            extent=self._extent(
                EPOCH_EVALUATION_SHARE, held_out.spread(self._enough(), seed=EVALUATION_SEED)
            ),
        )
        training = Training(
            task,
            budget=Budget(plan.epochs, self._seconds(1 - LAST_EVALUATIONS_SHARE - SOUNDS_SHARE)),
            checkpoint=self._out / CHECKPOINT_FILE,
            fingerprint=plan.fingerprint(pack),
        )
        self._examples = Examples(
            pack,
            splits.val,
            self._out,
            seed=plan.seed,
            most_seconds=self._seconds(SOUNDS_SHARE),
            stops=self._listener.wants_stop,
        )
        # Before the training, so that its budget of minutes is not spent on compiling.
        with watch_compiling(self._listener.compiling):
            self._examples.warm_up(network)
        record = WaveNetTraining(
            keiryo_version=__version__,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            machine=describe_machine(
                device=str(self._device), threads=plan.threads, torch_version=torch.__version__
            ),
            data=data,
            network=network_summary,
            **plan.model_dump(include=RECORDED_OPTIONS),
            chunk_samples=samples,
            status="done",
            complete=False,
            steps=0,
            train_seconds=0.0,
            train_samples_per_second=0.0,
            peak_memory_bytes=0,
            guessing_bits_per_sample=entropy_of_codes(counts) / NATS_PER_BIT,
        )
        if training.position.steps:
            share = training.share()
            self._listener.continued(training.position.steps, task.learning_rate(share))
        self._train(training, record)
        self._fill(training, record)
        if record.status != "failed" and training.position.steps:
            self._save_model(training, record)
        if record.status == "done":
            self._evaluate(task, training.trained_network, record, samples)
        if record.status != "failed" and training.position.steps:
            self._listen(training, record)
        record.diagnosis = diagnose_wavenet(self._evidence(training, record))
        record.peak_memory_bytes = peak_memory_bytes(self._device.type)
        record.complete = record.status == "done"
        write_text(self._out / RESULTS_FILE, record.model_dump_json(indent=2))
        self._listener.finished(record)
        return record

    def _packed(self) -> RecordingPack:
        def progress(done: int, total: int) -> None:
            self._listener.packing(done, total)
            if self._listener.wants_stop():
                raise KeyboardInterrupt

        source = locate_recordings(self._plan.data, condition=self._plan.condition)
        return prepare_recording_pack(
            source,
            folder=self._out / PACK_FOLDER,
            form=self._plan.form,
            workers=self._plan.threads,
            progress=progress,
        )

    def _chunks(self, rows: np.ndarray, samples: int) -> Chunks:
        context = self._configuration.receptive_field
        return Chunks(self._pack, rows, context=context, samples=samples)

    def _enough(self) -> int:
        """Return the number of samples that are evaluated after an epoch."""
        trained = int(self._pack.counts[self._splits.train].sum())
        return max(FEWEST_EVALUATED, round(EVALUATED_SHARE * trained))

    def _seconds(self, share: float) -> float | None:
        """Return this share of the budget in seconds; None: it is one of epochs."""
        return None if self._plan.minutes is None else share * self._plan.minutes * 60

    def _extent(self, share: float, numbers: np.ndarray) -> Extent:
        """Return an extent over the chunks `numbers`, to this share of a budget of minutes."""
        return Extent(numbers, self._seconds(share), self._listener.wants_stop)

    def _train(self, training: Training[ChunkBatch], record: WaveNetTraining) -> None:
        def on_epoch(epoch: Epoch) -> None:
            sound = None
            # After epochs 1, 2, 4, 8 and so on, since changes become slower.
            if epoch.epoch & (epoch.epoch - 1) == 0:
                sound = self._examples.during(_wavenet(training), epoch.epoch)
            self._listener.epoch_ended(
                summary_of_epoch(epoch, steps=training.position.steps), sound
            )

        listener = TrainingListener(
            self._listener.progressed,
            on_epoch,
            self._listener.wants_stop,
            self._listener.evaluating,
        )
        try:
            if training.run(listener):
                training.save()  # so that a kill while sounds are generated loses no epoch
            else:
                record.status = "stopped"
        except FloatingPointError as error:
            record.status, record.error = "failed", str(error)

    def _fill(self, training: Training[ChunkBatch], record: WaveNetTraining) -> None:
        position = training.position
        steps_per_epoch = training.task.steps_per_epoch
        record.history = [
            summary_of_epoch(epoch, steps=min(epoch.epoch * steps_per_epoch, position.steps))
            for epoch in position.history
        ]
        record.steps = position.steps
        record.train_seconds = position.seconds
        record.train_samples_per_second = training.examples_per_second()
        record.loss_curve = [
            LossPoint(step=snapshot.step, bits_per_sample=snapshot.loss / NATS_PER_BIT)
            for snapshot in position.snapshots
        ]
        snapshots = SnapshotFile(snapshots=position.snapshots)
        write_text(self._out / WAVENET_SNAPSHOTS_FILE, snapshots.model_dump_json())

    def _save_model(self, training: Training[ChunkBatch], record: WaveNetTraining) -> None:
        path = self._out / MODEL_FILE
        description = SavedWaveNet(
            keiryo_version=__version__,
            rate=self._pack.rate,
            normalized=self._plan.normalize,
            categories=self._pack.categories,
            configuration=self._configuration,
        )
        save_wavenet(path, _wavenet(training), description)
        record.model_bytes = path.stat().st_size

    def _listen(self, training: Training[ChunkBatch], record: WaveNetTraining) -> None:
        network = _wavenet(training)
        self._listener.generating()
        record.sounds = self._examples.made_during(len(record.history))
        try:
            sounds, rate = self._examples.at_end(network)
        except FloatingPointError as error:
            record.error = f"generating: {error}"
            return
        record.sounds += sounds
        record.generated_samples_per_second = rate
        record.real_time_factor = rate / self._pack.rate

    def _evaluate(
        self, task: WaveNetTask, network: nn.Module, record: WaveNetTraining, samples: int
    ) -> None:
        """Measure the bits per sample at the end; the training is stopped if that is asked for."""
        held_out = self._chunks(self._splits.val, samples)
        trained = self._chunks(self._splits.train, samples)
        in_order = held_out.spread_order(seed=EVALUATION_SEED)
        some = trained.spread(self._enough(), seed=EVALUATION_SEED)
        share = LAST_EVALUATIONS_SHARE
        self._listener.evaluating(self._seconds(share) or 0.0)
        try:
            found = task.likelihood(
                network,
                held_out,
                self._extent(share * HELD_OUT_PART, in_order),
                confused_samples=self._enough() if self._pack.categories else 0,
            )
            on_training = task.likelihood(
                network, trained, self._extent(share * (1 - HELD_OUT_PART), some)
            )
        except EvaluationStoppedError:
            record.status = "stopped"
            return
        record.val_bits_per_sample = found.bits_per_sample
        record.val_bits_standard_error = _error_bits(found)
        record.val_samples = found.samples
        record.held_out_samples = held_out.targets
        record.train_bits_per_sample = on_training.bits_per_sample
        record.train_bits_standard_error = _error_bits(on_training)
        if found.rise is not None:
            record.conditions_save_bits_per_sample = found.rise / NATS_PER_BIT

    def _evidence(self, training: Training[ChunkBatch], record: WaveNetTraining) -> SoundEvidence:
        position = training.position
        return SoundEvidence(
            classes=CODES,
            batch=self._plan.batch,
            history=position.history,
            snapshots=position.snapshots,
            failure=record.error if record.status == "failed" else None,
            guessing=record.guessing_bits_per_sample * NATS_PER_BIT,
            train_bits=record.train_bits_per_sample,
            val_bits=record.val_bits_per_sample,
            gap_error_bits=_gap_error(record),
            conditions_save_bits=record.conditions_save_bits_per_sample,
            sounds=record.sounds,
            is_whole=record.status == "done",
        )


def _error_bits(found: Likelihood) -> float | None:
    error = found.standard_error / NATS_PER_BIT
    return error if math.isfinite(error) else None


def _gap_error(record: WaveNetTraining) -> float | None:
    """Return the standard error of the difference between held-out and training bits."""
    val, train = record.val_bits_standard_error, record.train_bits_standard_error
    return None if val is None or train is None else math.hypot(val, train)


def _wavenet(training: Training[ChunkBatch]) -> WaveNet:
    network = training.trained_network
    assert isinstance(network, WaveNet)
    return network.eval()
