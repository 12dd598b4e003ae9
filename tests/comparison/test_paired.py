"""Networks on the same held-out images: which can be told from the best, and which is taken."""

from pathlib import Path

import numpy as np
import pytest

from keiryo.comparison.decision.answers import Answers
from keiryo.comparison.decision.paired import differences_from, may_replace_best, replacements
from keiryo.comparison.rank import rank, recommend_lightest
from keiryo.comparison.trial.held_out import write_held_out
from keiryo.records.comparison import Limits, Trial
from keiryo.records.speed import Latency
from keiryo.statistics import wilson_interval

IMAGES = 200
LABELS = np.arange(IMAGES) % 2


def trained(
    out: Path, model: str, wrong: range, *, latency: float, fold: int | None = None
) -> Trial:
    """A finished trial whose network classifies the images of `wrong` incorrectly."""
    rows = np.arange(IMAGES) if fold is None else np.arange(fold - 1, IMAGES, 2)
    answers = np.where(np.isin(rows, wrong), 1 - LABELS[rows], LABELS[rows])
    folder = f"trials/{model}-{fold}"
    (out / folder).mkdir(parents=True)
    write_held_out(out / folder, rows, np.eye(2)[answers])
    return Trial(
        model=model,
        seed=0,
        fold=fold,
        status="done",
        folder=folder,
        val_accuracy=float((answers == LABELS[rows]).mean()),
        val_accuracy_interval=wilson_interval(int((answers == LABELS[rows]).sum()), len(rows)),
        latency_ms=Latency(p50=latency, p95=latency, batch=1, threads=1, runs=1, device="cpu"),
        artifact_bytes=1000,
        parameters=10,
    )


def test_the_lightest_of_those_that_cannot_be_told_from_the_best_is_recommended(
    tmp_path: Path,
) -> None:
    trials = [
        trained(tmp_path, "best", range(10), latency=9),
        trained(tmp_path, "near", range(4, 17), latency=3),
        trained(tmp_path, "worse", range(40), latency=1),
    ]
    ranking = rank(trials, Limits())
    assert ranking.recommended == "best"
    near, worse = differences_from("best", ranking.models, Answers(trials, LABELS, tmp_path))
    assert (near.candidate, near.images) == ("near", IMAGES)
    assert near.difference == pytest.approx(3 / IMAGES)
    assert near.interval[0] < 0 < near.interval[1]
    assert not near.is_told_apart
    assert worse.interval[0] > 0
    assert worse.is_told_apart
    as_good = may_replace_best([near, worse], trials, 0.5)
    assert as_good == ["near"]
    lightest = recommend_lightest(ranking, trials, Limits(), as_good)
    assert (lightest.recommended, lightest.recommended_trial) == ("near", "trials/near-None")
    within = recommend_lightest(ranking, trials, Limits(max_latency_ms=2), ["near"])
    assert within.recommended == "best"  # nothing else is within the limits


def test_more_candidates_are_harder_to_tell_apart(tmp_path: Path) -> None:
    trials = [trained(tmp_path, "best", range(0), latency=1)]
    trials += [trained(tmp_path, f"other{n}", range(5), latency=1) for n in range(3)]
    alone = differences_from("best", ["other0"], Answers(trials, LABELS, tmp_path))
    among = differences_from(
        "best", ["other0", "other1", "other2"], Answers(trials, LABELS, tmp_path)
    )
    assert alone[0].is_told_apart
    assert among[0].p_value == pytest.approx(3 * alone[0].p_value)
    assert not among[0].is_told_apart


def test_a_network_at_chance_never_takes_the_place_of_the_best(tmp_path: Path) -> None:
    trials = [
        trained(tmp_path, "best", range(0, IMAGES, 3), latency=2),
        trained(tmp_path, "light", range(0, IMAGES, 3), latency=1),
    ]
    differences = differences_from("best", ["light"], Answers(trials, LABELS, tmp_path))
    assert differences[0].p_value == 1.0
    assert may_replace_best(differences, trials, 0.5) == ["light"]
    assert may_replace_best(differences, trials, 0.65) == []


def test_with_folds_all_images_count(tmp_path: Path) -> None:
    trials = [
        trained(tmp_path, model, wrong, latency=1, fold=fold)
        for model, wrong in (("best", range(0)), ("other", range(9)))
        for fold in (1, 2)
    ]
    [difference] = differences_from("best", ["best", "other"], Answers(trials, LABELS, tmp_path))
    assert (difference.images, difference.difference) == (IMAGES, pytest.approx(9 / IMAGES))


def test_a_network_without_predictions_is_left_out(tmp_path: Path) -> None:
    best = trained(tmp_path, "best", range(0), latency=1)
    other = best.model_copy(update={"model": "other", "folder": "trials/none"})
    assert differences_from("best", ["other"], Answers([best, other], LABELS, tmp_path)) == []


def test_replacements_of_each_are_those_of_the_best_among_those_below(tmp_path: Path) -> None:
    wrong = [range(10), range(4, 17), range(12, 26), range(40), range(0, IMAGES, 2)]
    trials = [trained(tmp_path, f"m{n}", each, latency=1) for n, each in enumerate(wrong)]
    trials[1] = trials[1].model_copy(update={"folder": "trials/none"})  # without answers
    answers = Answers(trials, LABELS, tmp_path)
    ranking = [f"m{number}" for number in range(len(wrong))]
    found = replacements(ranking, trials, answers, 0.5)
    for place, best in enumerate(ranking):
        below = differences_from(best, ranking[place + 1 :], answers)
        assert found[best] == may_replace_best(below, trials, 0.5)
    assert found["m0"] == ["m2"]
