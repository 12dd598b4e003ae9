"""One trial: a job trained, evaluated, diagnosed and saved."""

from collections.abc import Callable
from dataclasses import asdict, replace

from keiryo.comparison.trial.evaluation import measure_accuracies, sample_rows
from keiryo.comparison.trial.held_out import write_held_out
from keiryo.comparison.trial.job import TrialJob, gather_evidence
from keiryo.files import write_text
from keiryo.measure.memory import peak_memory_bytes
from keiryo.models.saved import MODEL_FILE, SavedModel, save_model
from keiryo.records.base import Status
from keiryo.records.comparison import Trial
from keiryo.records.places import SNAPSHOTS_FILE
from keiryo.records.training import SnapshotFile
from keiryo.train.diagnosis import HeldOut, diagnose
from keiryo.train.keras_defaults import KERAS_EPSILON
from keiryo.train.listener import TrainingListener
from keiryo.train.loop import Training
from keiryo.train.precision import choose_precision
from keiryo.version import __version__

CHECKPOINT_FILE = "checkpoint.safetensors"
TRIAL_FILE = "trial.json"


def run_trial(
    job: TrialJob,
    make_listener: Callable[[Training], TrainingListener],
    *,
    until: float = 1.0,
) -> Trial:
    """Carry out `job`, from its checkpoint if there is one, and return the trial's record.

    The record is written into the trial's folder, with the trained model. If the listener
    stopped the training, or only the share `until` of the budget was to be used, a checkpoint
    is left there instead of the model.
    """
    task = job.make_task()
    training = Training(task, budget=job.budget, checkpoint=job.folder / CHECKPOINT_FILE)
    status, failure = _train(training, make_listener(training), until)
    position = training.position
    snapshots = SnapshotFile(snapshots=position.snapshots)
    write_text(job.folder / SNAPSHOTS_FILE, snapshots.model_dump_json())
    evidence = replace(
        gather_evidence(
            position,
            classes=job.pack.survey.classes,
            recipe=job.recipe.name,
            batch=job.batch,
            accumulate=job.accumulate,
        ),
        failure=failure,
        has_paused=status == "stopped" and any(p.share >= until for p in position.pauses),
    )
    figures: dict[str, object] = {
        "status": status,
        "error": failure,
        "precision": choose_precision(task.network, job.device, job.recipe.precision),
        "history": position.history,
        "pauses": position.pauses,
        "epochs": len(position.history),
        "train_seconds": position.seconds,
        "images_per_second": training.examples_per_second(),
        "waiting_share": round(training.waiting_share(), 4),
        "peak_memory_bytes": peak_memory_bytes(job.device.type),
    }
    if status == "done":
        splits = job.splits
        evaluation = task.evaluation(training.trained_network)
        probabilities = evaluation.probabilities(splits.val)
        write_held_out(job.folder, splits.val, probabilities)
        # The last epoch ended with this measurement.
        val_accuracy = position.history[-1].val_accuracy
        assert val_accuracy is not None
        accuracies = measure_accuracies(job, evaluation, val_accuracy)
        evidence = replace(
            evidence,
            train_accuracy=accuracies.train_accuracy,
            val_accuracy=accuracies.val_accuracy,
            accuracy_by_batch_statistics=evaluation.accuracy_by_batch_statistics(
                sample_rows(splits.train, len(splits.val))
            ),
            held_out=HeldOut(probabilities, job.pack.labels[splits.val]),
        )
        figures |= {**asdict(accuracies), "artifact_bytes": _save(job, training)}
    trial = Trial.model_validate(
        {**job.record.model_dump(), **figures, "diagnosis": diagnose(evidence)}
    )
    write_text(job.folder / TRIAL_FILE, trial.model_dump_json(indent=2))
    if status == "done":
        (job.folder / CHECKPOINT_FILE).unlink(missing_ok=True)
    return trial


def _train(
    training: Training, listener: TrainingListener, until: float
) -> tuple[Status, str | None]:
    """Return how the training ended and, if it failed, why."""
    try:
        is_through = training.run(listener, until=until)
    except FloatingPointError as error:
        return "failed", str(error)
    return "done" if is_through and until >= 1.0 else "stopped", None


def _save(job: TrialJob, training: Training) -> int:
    """Save the trained model, and return its size in bytes."""
    path = job.folder / MODEL_FILE
    description = SavedModel(
        keiryo_version=__version__,
        model=job.record.model,
        classes=job.pack.survey.classes,
        preprocessing=job.preprocessing,
        batch_norm_epsilon=KERAS_EPSILON if job.recipe.as_keras else None,
    )
    save_model(path, training.trained_network, description)
    return path.stat().st_size
