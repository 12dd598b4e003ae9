"""A WaveNet's training: packing and splitting recordings, training, evaluating, saving."""

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
from keiryo.audio.training.evaluation import counts_of_codes, entropy_of_codes, some_rows
from keiryo.audio.training.initialization import initialize
from keiryo.audio.training.objective import NATS_PER_BIT
from keiryo.audio.training.task import WaveNetTask, wavenet_recipe
from keiryo.errors import InputError
from keiryo.files import write_text
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
from keiryo.version import __version__

# Held-out samples evaluated after each epoch: at least so many, or this share of the training ones.
# A training step costs three times as much per sample, so evaluation takes little of the time.
FEWEST_EVALUATED = 50_000
EVALUATED_SHARE = 0.05
RECORDED_OPTIONS = {"seed", "batch", "optimizer", "learning_rate", "epochs", "minutes"}


class WaveNetListener:
    """Base class: it hears of the training's events, does nothing, and never stops it."""

    def packing(self, done: int, total: int) -> None:
        """`done` of `total` recordings are decoded."""

    def began(self, data: RecordingsSummary, network: NetworkSummary) -> None:
        """The training begins, of this network on these recordings."""

    def progressed(self, progress: TrainingProgress) -> None:
        """A step was made."""

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

    Writes `model.safetensors`, `results.json`, `snapshots.json` and sounds into `out`, and a
    checkpoint if the training was stopped. Raises InputError for what is not possible, and
    KeyboardInterrupt if it was stopped before the training began.
    """
    device = choose_device(plan.device)
    prepare_device(device, threads=plan.threads)
    if resume:
        wavenet_folder(out).clear_leftovers()
        if (finished := read_training(out)) is not None and finished.complete:
            return finished
    else:
        # A missing set is reported before a folder is made.
        locate_recordings(plan.data, condition=plan.condition)
        wavenet_folder(out).claim(plan, force=force)
    try:
        return _Run(plan, out, device, listener).result()
    except InputError:
        if not resume:
            wavenet_folder(out).release()
        raise


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
        self._pack = self._packed()
        self._splits = split_recordings(self._pack, seed=plan.seed)
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
        task = WaveNetTask(
            network,
            ChunkBatches(self._chunks(splits.train, samples), batch=plan.batch, seed=plan.seed),
            self._some_chunks(splits.val, samples),
            recipe=recipe,
            device=self._device,
        )
        training = Training(
            task,
            budget=Budget(plan.epochs, None if plan.minutes is None else plan.minutes * 60),
            checkpoint=self._out / CHECKPOINT_FILE,
            fingerprint=plan.fingerprint(pack),
        )
        self._examples = Examples(pack, splits.val, self._out, seed=plan.seed)
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
        self._train(training, record)
        self._fill(training, record)
        if record.status != "failed" and training.position.steps:
            self._save_model(training, record)
            self._listen(training, record)
        if record.status == "done":
            self._evaluate(task, training.trained_network, record, samples)
        record.diagnosis = diagnose_wavenet(self._evidence(training, record))
        record.peak_memory_bytes = peak_memory_bytes(self._device.type)
        record.complete = record.status == "done"
        write_text(self._out / RESULTS_FILE, record.model_dump_json(indent=2))
        if record.complete:
            (self._out / CHECKPOINT_FILE).unlink(missing_ok=True)
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

    def _some_chunks(self, rows: np.ndarray, samples: int) -> Chunks:
        trained = int(self._pack.counts[self._splits.train].sum())
        enough = max(FEWEST_EVALUATED, round(EVALUATED_SHARE * trained))
        return self._chunks(some_rows(self._pack, rows, enough), samples)

    def _train(self, training: Training[ChunkBatch], record: WaveNetTraining) -> None:
        def on_epoch(epoch: Epoch) -> None:
            sound = None
            # After epochs 1, 2, 4, 8 and so on, since changes become slower.
            if epoch.epoch & (epoch.epoch - 1) == 0:
                sound = self._examples.during(_wavenet(training), epoch.epoch)
            self._listener.epoch_ended(
                summary_of_epoch(epoch, steps=training.position.steps), sound
            )

        listener = TrainingListener(self._listener.progressed, on_epoch, self._listener.wants_stop)
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
        held_out = task.likelihood(network, self._chunks(self._splits.val, samples))
        record.val_bits_per_sample = held_out.bits_per_sample
        record.val_samples = held_out.samples
        some_trained = self._some_chunks(self._splits.train, samples)
        record.train_bits_per_sample = task.likelihood(network, some_trained).bits_per_sample
        if self._pack.categories:
            some_held_out = self._some_chunks(self._splits.val, samples)
            confused = task.likelihood(network, some_held_out, confuses_conditions=True)
            # The last epoch ended with the same recordings, by the same weights.
            right = record.history[-1].val_bits_per_sample
            record.conditions_save_bits_per_sample = confused.bits_per_sample - right

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
            conditions_save_bits=record.conditions_save_bits_per_sample,
            sounds=record.sounds,
            is_whole=record.status == "done",
        )


def _wavenet(training: Training[ChunkBatch]) -> WaveNet:
    network = training.trained_network
    assert isinstance(network, WaveNet)
    return network.eval()
