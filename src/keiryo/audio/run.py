"""A WaveNet's training: packing and splitting recordings, training, evaluating, saving."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError

from keiryo.audio.evaluations import LAST_EVALUATIONS_SHARE, Evaluations
from keiryo.audio.examples import Examples
from keiryo.audio.listener import WaveNetListener
from keiryo.audio.opening import open_recordings
from keiryo.audio.plan import CHECKPOINT_FILE, PACK_FOLDER, WaveNetPlan, wavenet_folder
from keiryo.audio.saved import SavedWaveNet, save_wavenet
from keiryo.audio.summaries import summary_of_epoch, summary_of_network, summary_of_recordings
from keiryo.audio.training.diagnosis import diagnose_wavenet, evidence_of
from keiryo.audio.training.evaluation import counts_of_codes, entropy_of_codes
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
from keiryo.recordings.split import split_recordings
from keiryo.records.places import RESULTS_FILE
from keiryo.records.training import Epoch, SnapshotFile
from keiryo.records.wavenet import WAVENET_SNAPSHOTS_FILE, LossPoint, WaveNetTraining
from keiryo.train.budget import Budget
from keiryo.train.device import choose_device, prepare_device
from keiryo.train.listener import TrainingListener
from keiryo.train.loop import Training
from keiryo.train.task import EvaluationStoppedError
from keiryo.version import __version__

# Of a budget of minutes, kept back for the sounds at the end.
SOUNDS_SHARE = 0.08
RECORDED_OPTIONS = {"seed", "batch", "optimizer", "learning_rate", "epochs", "minutes"}


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
    folder = wavenet_folder(out)
    if not resume:
        # All that can be refused is, before the folder is touched.
        folder.check_claim(force=force)
        source = locate_recordings(plan.data, condition=plan.condition)
        folder.check_kept([Path(plan.data), *source.files()])
    with folder.occupy():
        if resume:
            folder.clear_leftovers()
            if (finished := read_training(out)) is not None and finished.complete:
                if (finished.epochs, finished.minutes) == (plan.epochs, plan.minutes):
                    return finished
                if not (out / CHECKPOINT_FILE).is_file():
                    raise InputError(
                        f"--out {out}: ended without a {CHECKPOINT_FILE} (an earlier version "
                        "removed it), so it cannot be continued; begin again with --force"
                    )
        else:
            folder.claim(plan, force=force)
        try:
            run = _Run(plan, out, device, listener, resume=resume)
            if resume:
                _keep_changes(plan, out)
            return run.result()
        except InputError:
            if not resume:
                folder.release(PACK_FOLDER)
            raise


def _keep_changes(plan: WaveNetPlan, out: Path) -> None:
    """Write the budget and the data of `plan` into the folder, if they differ from before."""
    folder = wavenet_folder(out)
    before = folder.read_plan(WaveNetPlan)
    changeable = ("epochs", "minutes", "begun_epochs", "begun_minutes", "data")
    after = before.model_copy(update={key: getattr(plan, key) for key in changeable})
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
        self,
        plan: WaveNetPlan,
        out: Path,
        device: torch.device,
        listener: WaveNetListener,
        *,
        resume: bool,
    ) -> None:
        self._plan, self._out, self._device, self._listener = plan, out, device, listener
        self._whole, self._findings = open_recordings(
            plan, out, resume=resume, progress=self._tell_packing
        )
        self._splits = split_recordings(self._whole, seed=plan.seed, hold_out=plan.hold_out)
        self._pack = self._splits.pack
        self._configuration = plan.configuration(self._pack)

    def result(self) -> WaveNetTraining:
        """Train, and return the record of the training."""
        plan, pack, splits = self._plan, self._pack, self._splits
        data = summary_of_recordings(
            self._whole, splits, self._configuration.receptive_field, self._findings
        )
        network_summary = summary_of_network(self._configuration, pack.rate)
        self._listener.began(data, network_summary)
        samples = plan.chunk_samples(self._configuration)
        trained, held_out = self._chunks(splits.train, samples), self._chunks(splits.val, samples)
        evaluations = Evaluations(plan, trained, held_out, self._listener.wants_stop)
        recipe = wavenet_recipe(optimizer=plan.optimizer, learning_rate=plan.learning_rate)
        counts = counts_of_codes(pack, splits.train)
        torch.manual_seed(plan.seed)
        network = WaveNet(self._configuration)
        initialize(network, counts)
        task = WaveNetTask(
            network,
            ChunkBatches(trained, batch=plan.batch, seed=plan.seed),
            held_out,
            recipe=recipe,
            device=self._device,
            extent=evaluations.after_epoch(),
        )
        training = Training(
            task,
            budget=Budget(plan.epochs, plan.seconds(1 - LAST_EVALUATIONS_SHARE - SOUNDS_SHARE)),
            checkpoint=self._out / CHECKPOINT_FILE,
            fingerprint=plan.fingerprint(pack),
        )
        self._examples = Examples(
            pack,
            splits.val,
            self._out,
            seed=plan.seed,
            most_seconds=plan.seconds(SOUNDS_SHARE),
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
            self._evaluate(evaluations, training, record)
        if record.status != "failed" and training.position.steps:
            self._listen(training, record)
        record.diagnosis = diagnose_wavenet(evidence_of(training.position, record))
        record.peak_memory_bytes = peak_memory_bytes(self._device.type)
        record.complete = record.status == "done"
        write_text(self._out / RESULTS_FILE, record.model_dump_json(indent=2))
        self._listener.finished(record)
        return record

    def _tell_packing(self, done: int, total: int) -> None:
        self._listener.packing(done, total)
        if self._listener.wants_stop():
            raise KeyboardInterrupt

    def _chunks(self, rows: np.ndarray, samples: int) -> Chunks:
        context = self._configuration.receptive_field
        return Chunks(self._pack, rows, context=context, samples=samples)

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
        self, evaluations: Evaluations, training: Training[ChunkBatch], record: WaveNetTraining
    ) -> None:
        self._listener.evaluating(evaluations.seconds_at_end)
        assert isinstance(training.task, WaveNetTask)
        try:
            evaluations.measure_at_end(training.task, training.trained_network, record)
        except EvaluationStoppedError:
            record.status = "stopped"


def _wavenet(training: Training[ChunkBatch]) -> WaveNet:
    network = training.trained_network
    assert isinstance(network, WaveNet)
    return network.eval()
