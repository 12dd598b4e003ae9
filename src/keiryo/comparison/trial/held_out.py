"""Predictions of trials for held-out images, and the labels that they contradict."""

from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from keiryo.comparison.plan import pack_place, read_plan
from keiryo.data.items import SurveyedImage
from keiryo.data.packs.pack import Pack, open_pack
from keiryo.data.survey.identity import MARK_DIGITS, mark_of
from keiryo.errors import InputError
from keiryo.files import replace_file
from keiryo.records.comparison import Comparison
from keiryo.records.data import SuspectLabel
from keiryo.train.classification.label_errors import find_suspect_labels
from keiryo.train.diagnosis import HeldOut

HELD_OUT_FILE = "held-out.npz"
MOST_SUSPECTS = 50


def write_held_out(
    folder: Path,
    rows: np.ndarray,
    probabilities: np.ndarray,
    images: Sequence[SurveyedImage] = (),
) -> None:
    """Write a trial's probabilities (N, classes) for the held-out rows (N,) of the pack.

    The marks and the labels of `images`, those of the rows, let other comparisons find them again.
    """
    with replace_file(folder / HELD_OUT_FILE) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            rows=rows,
            probabilities=probabilities.astype(np.float32),
            marks=np.array([mark_of(image) for image in images], dtype=f"U{MARK_DIGITS}"),
            labels=np.array([image.label for image in images], dtype=np.int64),
        )


def read_predictions(folder: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Return a trial's held-out rows (N,) and probabilities (N, classes); None: not written."""
    try:
        with np.load(folder / HELD_OUT_FILE, allow_pickle=False) as file:
            return file["rows"], file["probabilities"]
    except (OSError, ValueError, KeyError, BadZipFile):
        return None


def read_marked_answers(out: Path, folder: str) -> tuple[list[str], list[int], list[int]] | None:
    """Return the marks, labels and predicted classes of the images that a trial holds out.

    `folder` is the trial's in the comparison `out`. Where an earlier version wrote no marks, they
    are those of the comparison's pack. None: there are no predictions, or no marks.
    """
    found = read_predictions(out / folder)
    if found is None:
        return None
    rows, probabilities = found
    predicted = probabilities.argmax(1).tolist()
    with np.load(out / folder / HELD_OUT_FILE, allow_pickle=False) as file:
        if "marks" in file and len(file["marks"]) == len(rows):
            return file["marks"].tolist(), file["labels"].tolist(), predicted
    try:
        pack = open_pack(pack_place(out, read_plan(out)), verify=False)
    except InputError:
        return None
    images = [pack.survey.images[row] for row in rows.tolist()]
    return [mark_of(image) for image in images], [image.label for image in images], predicted


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
    for rows_of_one, probabilities in filter(None, map(read_predictions, folders)):
        for row, answer in zip(rows_of_one.tolist(), probabilities, strict=True):
            sums[row] = sums.get(row, 0.0) + answer
            counts[row] = counts.get(row, 0) + 1
    rows = np.array(sorted(sums), dtype=np.int64)
    means = [sums[row] / counts[row] for row in rows.tolist()]
    return rows, np.array(means, dtype=np.float64).reshape(-1, classes)
