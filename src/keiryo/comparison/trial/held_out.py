"""Predictions of trials for held-out images, and the labels that they contradict."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keiryo.data.packs.pack import Pack
from keiryo.files import replace_file
from keiryo.records.comparison import Comparison
from keiryo.records.data import SuspectLabel
from keiryo.train.classification.label_errors import find_suspect_labels
from keiryo.train.diagnosis import HeldOut

HELD_OUT_FILE = "held-out.npz"
MOST_SUSPECTS = 50


def write_held_out(folder: Path, rows: np.ndarray, probabilities: np.ndarray) -> None:
    """Write a trial's probabilities (N, classes) for the held-out rows (N,) of the pack."""
    with replace_file(folder / HELD_OUT_FILE) as temporary, temporary.open("wb") as file:
        np.savez(file, rows=rows, probabilities=probabilities.astype(np.float32))


def read_held_out(folder: Path) -> list[tuple[int, np.ndarray]]:
    """Return a trial's held-out rows with their probabilities (classes,); none: not written."""
    try:
        with np.load(folder / HELD_OUT_FILE, allow_pickle=False) as file:
            return list(zip(file["rows"].tolist(), file["probabilities"], strict=True))
    except OSError:
        return []


def fill_suspect_labels(comparison: Comparison, pack: Pack, out: Path) -> None:
    """Set the suspect labels of `comparison` by the trials of its best model in `out`.

    Probabilities are averaged over several seeds. With five folds, each image was held out once.
    A model that makes more than half of the errors of always naming the largest class accuses
    nobody.
    """
    if not comparison.ranking:
        return
    folders = [
        out / trial.folder
        for trial in comparison.trials
        if trial.candidate == comparison.ranking[0] and trial.status == "done"
    ]
    rows, probabilities = _predictions(folders, len(pack.survey.classes))
    images = [pack.survey.images[row] for row in rows]
    labels = np.array([image.label for image in images], dtype=np.int64)
    comparison.suspects_among = len(rows)
    comparison.can_accuse_labels = HeldOut(probabilities, labels).is_skilled
    if not comparison.can_accuse_labels:
        return
    comparison.suspect_labels = [
        SuspectLabel(
            file=images[place].name,
            label=pack.survey.classes[labels[place]],
            suggested=pack.survey.classes[likeliest],
            label_probability=round(float(probabilities[place, labels[place]]), 4),
            suggested_probability=round(float(probabilities[place, likeliest]), 4),
        )
        for place, likeliest in find_suspect_labels(probabilities, labels)[:MOST_SUSPECTS]
    ]


def _predictions(folders: Sequence[Path], classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows held out in any of the trials, with their mean probabilities."""
    sums: dict[int, np.ndarray] = {}
    counts: dict[int, int] = {}
    for folder in folders:
        for row, probabilities in read_held_out(folder):
            sums[row] = sums.get(row, 0.0) + probabilities
            counts[row] = counts.get(row, 0) + 1
    rows = np.array(sorted(sums), dtype=np.int64)
    means = [sums[row] / counts[row] for row in rows.tolist()]
    return rows, np.array(means, dtype=np.float64).reshape(-1, classes)
