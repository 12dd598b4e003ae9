"""One trial: a job trained, evaluated, diagnosed and saved."""

from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np

from keiryo.comparison.trial.analysis import analyze
from keiryo.comparison.trial.evaluation import final_passes, measure_accuracies, sample_rows
from keiryo.comparison.trial.held_out import write_held_out
from keiryo.comparison.trial.job import TrialJob, gather_evidence
from keiryo.data.audit.odd_images import cropped_share
from keiryo.data.survey.identity import encode_marks, mark_of
from keiryo.files import write_text
from keiryo.measure.load import DISTURBING_SHARE
from keiryo.measure.memory import peak_memory_bytes
from keiryo.models.saved import (
    MODEL_FILE,
    SavedModel,
    changed_batch_norm_epsilon,
    describe_source,
    save_model,
)
from keiryo.records.base import Status
from keiryo.records.comparison import Trial
from keiryo.records.places import SNAPSHOTS_FILE, TRIAL_FILE
from keiryo.records.training import SnapshotFile
from keiryo.train.diagnosis import HeldOut, diagnose
from keiryo.train.listener import TrainingListener
from keiryo.train.loop import Training
from keiryo.train.precision import choose_precision
from keiryo.version import __version__

CHECKPOINT_FILE = "checkpoint.safetensors"


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
    listener = make_listener(training)
    status, failure = _train(training, listener, until)
    position = training.position
    has_paused = status == "stopped" and any(p.share >= until for p in position.pauses)
    snapshots = SnapshotFile(snapshots=position.snapshots)
    write_text(job.folder / SNAPSHOTS_FILE, snapshots.model_dump_json())
    evidence = replace(
        gather_evidence(
            position,
            classes=job.pack.survey.classes,
            recipe=job.recipe.name,
            batch=job.batch,
            accumulate=job.accumulate,
            class_shares=_shares_in_loss(job),
            train_images=len(job.splits.train),
            steps_per_epoch=task.steps_per_epoch,
            cropped_share=cropped_share(job.pack.survey, job.pack.header.fit),
        ),
        failure=failure,
        has_paused=has_paused,
        was_stopped=status == "stopped" and not has_paused,
    )
    figures: dict[str, object] = {
        "status": status,
        "error": failure,
        "precision": choose_precision(task.network, job.device, job.recipe.precision),
        "history": position.history,
        "pauses": position.pauses,
        "epochs": len(position.history),
        "train_seconds": position.seconds,
        "processor_seconds": position.processor_seconds,
        "processor_share": round(training.processor_share(), 4),
        "others_share": round(training.others_share(), 4),
        "disturbed": training.others_share() > DISTURBING_SHARE,
        "images_per_second": training.examples_per_second(),
        "waiting_share": round(training.waiting_share(), 4),
        "peak_memory_bytes": peak_memory_bytes(job.device.type),
    }
    if status == "done":
        splits = job.splits
        listener.on_evaluation(final_passes(job) * training.evaluation_seconds)
        evaluation = task.evaluation(training.trained_network)
        probabilities = evaluation.probabilities(splits.val)
        images = [job.pack.survey.images[row] for row in splits.val]
        write_held_out(job.folder, splits.val, probabilities, images)
        # The last epoch ended with this measurement.
        val_accuracy = position.history[-1].val_accuracy
        assert val_accuracy is not None
        accuracies = measure_accuracies(job, evaluation, val_accuracy, probabilities)
        evidence = replace(
            evidence,
            train_accuracy=accuracies.train_accuracy,
            val_accuracy=accuracies.val_accuracy,
            accuracy_by_batch_statistics=evaluation.accuracy_by_batch_statistics(
                sample_rows(splits.train, len(splits.val))
            ),
            held_out=HeldOut(probabilities, job.pack.labels[splits.val]),
        )
        figures |= {
            **asdict(accuracies),
            "analysis": analyze(
                probabilities,
                job.pack.labels[splits.val],
                job.pack.survey.classes,
                [image.name for image in images],
            ),
            "artifact_bytes": _save(job, training),
        }
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


def _shares_in_loss(job: TrialJob) -> list[float]:
    """Return the share of each class in the loss: that of its images, or all equal by weights."""
    classes = len(job.pack.survey.classes)
    if job.class_weights is not None:
        return [1 / classes] * classes
    labels = job.pack.labels[job.splits.train]
    return (np.bincount(labels, minlength=classes) / len(labels)).tolist()


def _save(job: TrialJob, training: Training) -> int:
    """Save the trained model, and return its size in bytes."""
    path = job.folder / MODEL_FILE
    description = SavedModel(
        keiryo_version=__version__,
        model=job.record.model,
        classes=job.pack.survey.classes,
        preprocessing=job.preprocessing,
        source=describe_source(job.record.model, job.folder),
        batch_norm_epsilon=changed_batch_norm_epsilon(training.trained_network),
        trained_on=encode_marks(
            {mark_of(job.pack.survey.images[row]) for row in job.splits.train}
            | job.start_trained_on
        ),
    )
    save_model(path, training.trained_network, description)
    return path.stat().st_size
