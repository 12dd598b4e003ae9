"""Several comparisons side by side: the candidates that more than one has, and what changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import ValidationError

from keiryo.comparison.rank import chosen_trial
from keiryo.comparison.trial.held_out import read_marked_answers
from keiryo.errors import InputError
from keiryo.files import shown
from keiryo.records.changes import Change, Changes, ComparedRun
from keiryo.records.comparison import Comparison, Trial
from keiryo.records.places import RESULTS_FILE
from keiryo.statistics import (
    holm,
    independent_difference_interval,
    mcnemar_mid_p,
    paired_difference_interval,
    two_proportions_p,
)


@dataclass(frozen=True)
class _Run:
    folder: Path
    comparison: Comparison

    def trials_of(self, candidate: str) -> list[Trial]:
        """Return the trial that would be handed over, or those of all its folds."""
        group = [
            trial
            for trial in self.comparison.trials
            if trial.candidate == candidate and trial.status == "done"
        ]
        if not group:
            return []
        chosen = chosen_trial(group)
        same_seed = [trial for trial in group if trial.seed == chosen.seed]
        return sorted(same_seed, key=lambda trial: trial is not chosen)  # the chosen one first


@dataclass(frozen=True)
class _Answers:
    """The correctness and the label of each held-out image, by its mark."""

    correct: dict[str, bool]
    labels: dict[str, str]


def compare_runs(folders: Sequence[Path]) -> Changes:
    """Return what changed between the comparisons in `folders`, in the order of their dates.

    Each candidate is compared with itself in the next comparison that has it. Raises InputError if
    a folder holds no comparison.
    """
    runs = sorted((_read(folder) for folder in folders), key=lambda run: run.comparison.created)
    places: dict[str, list[int]] = {}
    for place, run in enumerate(runs):
        for candidate in run.comparison.ranking:
            places.setdefault(candidate, []).append(place)
    pairs = [(name, *pair) for name, found in places.items() for pair in pairwise(found)]
    other_classes = [
        (name, before, after)
        for name, before, after in pairs
        if _classes(runs[before]) != _classes(runs[after])
    ]
    changes = [
        change
        for pair in pairs
        if pair not in other_classes and (change := _change(runs, *pair)) is not None
    ]
    for each, p_value in zip(changes, holm([each.p_value for each in changes]), strict=True):
        each.p_value = p_value
    return Changes(
        runs=[_describe(run) for run in runs],
        changes=changes,
        other_classes=other_classes,
        only_in={name: found[0] for name, found in places.items() if len(found) == 1},
    )


def _read(folder: Path) -> _Run:
    try:
        return _Run(folder, Comparison.model_validate_json((folder / RESULTS_FILE).read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder}: holds no {RESULTS_FILE}; name another folder") from None
    except ValidationError:
        raise InputError(
            f"{folder / RESULTS_FILE}: not a comparison's, damaged, or by another version"
        ) from None


def _describe(run: _Run) -> ComparedRun:
    comparison = run.comparison
    return ComparedRun(
        folder=shown(run.folder),
        created=comparison.created,
        keiryo_version=comparison.keiryo_version,
        machine=comparison.machine,
        data=comparison.data.name,
        size=comparison.data.size,
        engine=comparison.engine_version or comparison.engine,
        train_images=comparison.data.train_images,
        val_images=comparison.data.val_images,
        recommended=comparison.recommended,
        ranking=comparison.ranking,
    )


def _change(runs: Sequence[_Run], candidate: str, before: int, after: int) -> Change | None:
    trials = [runs[place].trials_of(candidate) for place in (before, after)]
    answers = [_answers(runs[place], candidate) for place in (before, after)]
    counts = [_count(of_run, of_trials) for of_run, of_trials in zip(answers, trials, strict=True)]
    of_before, of_after = counts
    if of_before is None or of_after is None:
        return None
    earlier, later = answers
    shared = [
        mark
        for mark in earlier.correct.keys() & later.correct.keys()
        if earlier.labels[mark] == later.labels[mark]
    ]
    (correct_before, images_before), (correct_after, images_after) = of_before, of_after
    is_paired = 2 * len(shared) >= max(images_before, images_after)
    if is_paired:
        accuracies, interval, p_value = _paired(earlier, later, shared)
    else:
        accuracies = correct_before / images_before, correct_after / images_after
        of_both = correct_after, images_after, correct_before, images_before
        interval, p_value = independent_difference_interval(*of_both), two_proportions_p(*of_both)
    one, other = trials[0][0], trials[1][0]
    same_machine = _is_same_machine(runs[before].comparison, runs[after].comparison)
    return Change(
        candidate=candidate,
        before=before,
        after=after,
        images_before=images_before,
        images_after=images_after,
        shared_images=len(shared),
        is_paired=is_paired,
        accuracy_before=accuracies[0],
        accuracy_after=accuracies[1],
        interval=interval,
        p_value=p_value,
        same_machine=same_machine,
        latency_ms_before=one.latency_ms.p50 if one.latency_ms else None,
        latency_ms_after=other.latency_ms.p50 if other.latency_ms else None,
        latency_verdict=_latency_verdict(one, other)
        if same_machine and runs[before].comparison.data.size == runs[after].comparison.data.size
        else "unknown",
        artifact_bytes_before=one.artifact_bytes,
        artifact_bytes_after=other.artifact_bytes,
        train_seconds_before=one.train_seconds,
        train_seconds_after=other.train_seconds,
    )


def _classes(run: _Run) -> set[str]:
    return set(run.comparison.data.classes)


def _paired(
    earlier: _Answers, later: _Answers, shared: Sequence[str]
) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Return the accuracies on the shared images, the interval of their change, and its p-value."""
    first = np.array([later.correct[mark] for mark in shared])
    second = np.array([earlier.correct[mark] for mark in shared])
    only_after, only_before = int((first & ~second).sum()), int((second & ~first).sum())
    both, neither = int((first & second).sum()), int((~first & ~second).sum())
    return (
        (float(second.mean()), float(first.mean())),
        paired_difference_interval(both, only_after, only_before, neither),
        mcnemar_mid_p(only_after, only_before),
    )


def _count(answers: _Answers, trials: Sequence[Trial]) -> tuple[int, int] | None:
    """Return how many images are classified correctly, of how many.

    Without the answers, as where only the results were kept, they are those of the records.
    """
    if answers.correct:
        return sum(answers.correct.values()), len(answers.correct)
    images = sum(trial.val_images or 0 for trial in trials)
    correct = sum((trial.val_accuracy or 0.0) * (trial.val_images or 0) for trial in trials)
    return (round(correct), images) if images else None


def _answers(run: _Run, candidate: str) -> _Answers:
    classes = run.comparison.data.classes
    correct: dict[str, bool] = {}
    labels: dict[str, str] = {}
    for trial in run.trials_of(candidate):
        found = read_marked_answers(run.folder, trial.folder)
        if found is None:
            continue
        marks, of_images, predicted = found
        for mark, label, answer in zip(marks, of_images, predicted, strict=True):
            correct[mark] = label == answer
            labels[mark] = classes[label]
    return _Answers(correct, labels)


def _is_same_machine(one: Comparison, other: Comparison) -> bool:
    return all(
        getattr(one.machine, name) == getattr(other.machine, name)
        for name in ("processor", "cores", "device", "threads")
    ) and (one.engine, one.engine_version) == (other.engine, other.engine_version)


def _latency_verdict(one: Trial, other: Trial) -> Literal["faster", "slower", "same", "unknown"]:
    before, after = one.latency_ms, other.latency_ms
    if before is None or after is None or before.disturbed or after.disturbed:
        return "unknown"
    if before.spread is None or after.spread is None:
        return "unknown"
    if after.spread[1] < before.spread[0]:
        return "faster"
    return "slower" if after.spread[0] > before.spread[1] else "same"
