"""The answers of all trials for their held-out images, read once each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keiryo.comparison.trial.held_out import read_predictions
from keiryo.records.comparison import Trial

Training = tuple[int, int | None]  # seed and fold


class Answers:
    """The held-out images that each trial of the comparison in `out` classifies correctly.

    `labels` (rows,) are those of the pack. Trials without predictions have no answers.
    """

    def __init__(self, trials: Sequence[Trial], labels: np.ndarray, out: Path) -> None:
        self._trials = [trial for trial in trials if trial.status == "done"]
        self._labels = labels
        self._out = out
        self._read: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def trials_of(self, candidate: str) -> list[Trial]:
        """Return the finished trials of `candidate`."""
        return [trial for trial in self._trials if trial.candidate == candidate]

    def of_trials(self, trials: Sequence[Trial]) -> dict[int, bool]:
        """Return the answers of `trials`, which hold out different images, by row."""
        found: dict[int, bool] = {}
        for trial in trials:
            rows, correct = self._of(trial)
            found |= zip(rows.tolist(), correct.tolist(), strict=True)
        return found

    def accuracies(self, candidate: str) -> dict[Training, float]:
        """Return the accuracy of each training of `candidate`, as torch has it."""
        found: dict[Training, float] = {}
        for trial in self.trials_of(candidate):
            correct = self._of(trial)[1]
            if correct.size:
                found[trial.seed, trial.fold] = float(correct.mean())
        return found

    def by_seed(self, first: str, second: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the answers of both candidates' trainings, (seeds, N) each, for the same images.

        Only trainings without folds count.
        """
        parts = [
            [self._of(trial) for trial in self.trials_of(name) if trial.fold is None]
            for name in (first, second)
        ]
        parts = [[(rows, correct) for rows, correct in part if rows.size] for part in parts]
        common: np.ndarray | None = None
        for rows, _ in (*parts[0], *parts[1]):
            common = rows if common is None else np.intersect1d(common, rows)
        if common is None:
            return np.empty((0, 0), bool), np.empty((0, 0), bool)
        one, other = (
            np.array([correct[np.isin(rows, common)] for rows, correct in part], bool)
            for part in parts
        )
        return one, other

    def _of(self, trial: Trial) -> tuple[np.ndarray, np.ndarray]:
        """Return the held-out rows of `trial`, in order, and whether each answer is correct."""
        if trial.folder not in self._read:
            found = read_predictions(self._out / trial.folder)
            rows, probabilities = found or (np.empty(0, int), np.empty((0, 1)))
            order = np.argsort(rows)
            rows, predicted = rows[order], probabilities.argmax(1)[order]
            self._read[trial.folder] = rows, predicted == self._labels[rows]
        return self._read[trial.folder]
