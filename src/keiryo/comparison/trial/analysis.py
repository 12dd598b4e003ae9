"""The analysis of a trained network: its answers for the held-out images, class by class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keiryo.comparison.trial.calibration import measure_calibration
from keiryo.comparison.trial.held_out import read_predictions
from keiryo.data.packs.pack import Pack
from keiryo.records.analysis import Analysis, ClassFigures, ConfidentError
from keiryo.records.comparison import Trial
from keiryo.statistics import wilson_interval

MOST_ERRORS = 24
DIGITS = 4  # of a probability


def analyze(
    probabilities: np.ndarray, labels: np.ndarray, classes: list[str], names: list[str]
) -> Analysis:
    """Return the analysis of `probabilities` (N, C) for images of the classes `labels` (N,).

    `classes` (C,) and `names` (N,) are the names of the classes and of the images.
    """
    predicted = probabilities.argmax(1)
    pairs, counts = np.unique(np.stack([labels, predicted]), axis=1, return_counts=True)
    confusions = [
        (int(label), int(answer), int(images))
        for label, answer, images in zip(*pairs, counts, strict=True)
    ]
    images = np.bincount(labels, minlength=len(classes))
    answers = np.bincount(predicted, minlength=len(classes))
    correct = np.bincount(labels[predicted == labels], minlength=len(classes))
    return Analysis(
        images=len(labels),
        errors=int((predicted != labels).sum()),
        confusions=confusions,
        classes=[
            _class_figures(name, *map(int, figures))
            for name, *figures in zip(classes, images, answers, correct, strict=True)
        ],
        calibration=measure_calibration(probabilities.max(1), predicted == labels),
        confident_errors=[
            ConfidentError(
                file=names[row],
                label=classes[labels[row]],
                predicted=classes[predicted[row]],
                probability=round(float(probabilities[row, predicted[row]]), DIGITS),
                label_probability=round(float(probabilities[row, labels[row]]), DIGITS),
            )
            for row in _confident_errors(probabilities.max(1), predicted != labels)
        ],
    )


def _class_figures(name: str, images: int, predicted: int, correct: int) -> ClassFigures:
    return ClassFigures(
        name=name,
        images=images,
        predicted=predicted,
        correct=correct,
        recall=correct / images if images else None,
        recall_interval=wilson_interval(correct, images) if images else None,
        precision=correct / predicted if predicted else None,
        precision_interval=wilson_interval(correct, predicted) if predicted else None,
    )


def _confident_errors(confidence: np.ndarray, is_wrong: np.ndarray) -> list[int]:
    """Return the rows of the errors, the most confident first."""
    rows = np.flatnonzero(is_wrong)
    return rows[np.argsort(-confidence[rows], kind="stable")][:MOST_ERRORS].tolist()


def fill_missing_analyses(trials: Sequence[Trial], pack: Pack, out: Path) -> None:
    """Analyse the finished `trials` in `out` that an earlier version left without analysis."""
    for trial in trials:
        if trial.status != "done" or trial.analysis is not None:
            continue
        found = read_predictions(out / trial.folder)
        if found is None or not len(found[0]):
            continue
        rows, probabilities = found
        names = [pack.survey.images[row].name for row in rows.tolist()]
        trial.analysis = analyze(probabilities, pack.labels[rows], pack.survey.classes, names)
