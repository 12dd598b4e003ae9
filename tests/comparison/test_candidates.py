"""Candidates and architectures: the front, the reasons against each, what more trainings say."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comparisons import IMAGES, compared, trial
from keiryo.comparison.conclusions import conclude
from keiryo.comparison.decision.answers import Answers
from keiryo.comparison.decision.architectures import compare_architectures, trainings_lacking
from keiryo.comparison.decision.conclusion import conclude_comparison
from keiryo.comparison.decision.paired import differences_from
from keiryo.comparison.plan import make_plan
from keiryo.comparison.trial.held_out import write_held_out
from keiryo.records.comparison import Comparison, Limits, Trial
from keiryo.records.decision import Difference
from keiryo.report import choice
from keiryo.report.decision.architectures import compared_in_words


def difference(candidate: str, low: float) -> Difference:
    return Difference(
        candidate=candidate, images=IMAGES, difference=low + 0.03, interval=(low, low + 0.06),
        p_value=0.4 if low < 0 else 0.001,
    )  # fmt: skip


def test_every_candidate_has_its_reason() -> None:
    trials = [
        trial("best", 0.95, 9.0),
        trial("light", 0.94, 2.0),
        trial("heavy", 0.94, 20.0, artifact_bytes=9_000_000),
        trial("weak", 0.80, 1.0),
        trial("chance", 0.5, 0.5),
        trial("broken", 0.0, status="failed", val_accuracy=None, val_accuracy_interval=None),
        trial("early", 0.0, status="stopped", val_accuracy=None, dropped_at=0.25,
              dropped_because="dropped at 25 %"),
    ]  # fmt: skip
    differences = [
        difference("light", -0.02), difference("heavy", -0.02), difference("weak", 0.1),
        difference("chance", 0.4),
    ]  # fmt: skip
    comparison = compared(
        *trials, differences=differences, limits=Limits(max_size_mb=5), recommended="light",
        recommended_trial="trials/light-0-None", most_accurate="best",
    )  # fmt: skip
    codes = {each.name: [reason.code for reason in each.reasons] for each in comparison.candidates}
    assert codes == {
        "best": ["heavier"],
        "light": ["recommended"],
        "heavy": ["over_limit"],
        "weak": ["less_accurate"],
        "chance": ["at_chance", "less_accurate"],
        "broken": ["not_finished"],
        "early": ["dropped"],
    }
    assert choice.why_not(comparison, "light") is None
    for name, words in (
        ("best", "may be as accurate, but slower than light: 9.00 ms and 2.00 ms"),
        ("heavy", "over --max-size-mb 5 with 9 MB"),
        ("weak", "13.0 points less accurate than best (95 % interval 10.0 to 16.0)"),
        ("chance", "its accuracy of 50.0 % may be no better than that of the largest class alone"),
        ("broken", "its training failed"),
        ("early", "dropped at 25 %"),
    ):
        assert words in (choice.why_not(comparison, name) or "")
    assert choice.why_not(comparison, "unknown") is None
    assert "among 5 candidates of 7 tried" in (choice.legend(comparison) or "")


def test_what_was_not_measured_does_not_fit_and_is_said() -> None:
    unmeasured = trial("a", 0.9, latency_ms=None)
    comparison = compared(unmeasured, limits=Limits(max_latency_ms=5, max_params=1))
    assert comparison.recommended is None
    assert choice.why_not(comparison, "a") == (
        "not measured, as --max-latency-ms 5 needs it; over --max-params 1 with 10 parameters"
    )


def test_by_balanced_accuracy_the_order_decides() -> None:
    trials = [
        trial("a", 0.9, val_balanced_accuracy=0.7),
        trial("b", 0.8, val_balanced_accuracy=0.8),
        trial("c", 0.8, val_balanced_accuracy=0.55),
    ]
    comparison = compared(
        *trials, metric="balanced", ranking=["b", "a", "c"], recommended="b", most_accurate="b"
    )
    assert choice.why_not(comparison, "a") == (
        "its balanced accuracy of 70.0 % is lower than that of b, 80.0 %"
    )
    assert "that of guessing alone, 50.0 %" in (choice.why_not(comparison, "c") or "")


FIGURES = st.tuples(*[st.integers(0, 2)] * 5)


@settings(max_examples=40)
@given(st.lists(FIGURES, min_size=1, max_size=5))
def test_the_front_holds_what_no_other_beats(drawn: list[tuple[int, ...]]) -> None:
    trials = [
        trial(
            f"m{number}", 0.9 - 0.1 * accuracy, 1.0 + latency, artifact_bytes=size,
            train_seconds=time, peak_memory_bytes=memory,
        )
        for number, (accuracy, latency, size, time, memory) in enumerate(drawn)
    ]  # fmt: skip
    comparison = compared(*trials)
    for number, figures in enumerate(drawn):
        beaten = {
            f"m{other}"
            for other, others in enumerate(drawn)
            if others != figures and all(a <= b for a, b in zip(others, figures, strict=True))
        }
        candidate = comparison.candidate_named(f"m{number}")
        assert candidate is not None
        assert set(candidate.beaten_by) == beaten
        assert candidate.is_on_front == (candidate.name in comparison.front) == (not beaten)


def test_a_network_at_chance_is_found_before_it_is_recommended() -> None:
    comparison = compared(trial("a", 0.5))
    assert [finding.code for finding in conclude(comparison)] == ["no_better_than_baseline"]


LABELS = np.arange(IMAGES) % 2


def trained(out: Path, model: str, accuracy: float, seed: int, fold: int | None = None) -> Trial:
    """A finished trial whose errors are drawn anew for each seed."""
    rows = np.arange(IMAGES) if fold is None else np.arange(fold - 1, IMAGES, 5)
    generator = np.random.default_rng([seed, fold or 0, len(model)])
    correct = generator.random(len(rows)) < accuracy
    done = trial(model, float(correct.mean()), seed=seed, fold=fold)
    answers = np.where(correct, LABELS[rows], 1 - LABELS[rows])
    (out / done.folder).mkdir(parents=True)
    write_held_out(out / done.folder, rows, np.eye(2)[answers])
    return done


def over_trainings(
    out: Path, accuracies: dict[str, float], *, seeds: int, folds: int = 0
) -> Comparison:
    trials = [
        trained(out, model, accuracy, seed, fold)
        for model, accuracy in accuracies.items()
        for seed in range(seeds)
        for fold in (range(1, folds + 1) if folds else (None,))
    ]
    answers = Answers(trials, LABELS, out)
    ranking = list(accuracies)
    return compared(
        *trials,
        ranking=ranking,
        differences=differences_from(ranking[0], ranking, answers),
        architectures=compare_architectures(ranking, answers, seed=0),
        trainings_lacking=trainings_lacking(ranking, answers),
    )


def test_five_seeds_tell_what_differs_and_mark_what_does_not(tmp_path: Path) -> None:
    accuracies = {"best": 0.92, "equal": 0.915, "clearly worse": 0.7}
    comparison = over_trainings(tmp_path, accuracies, seeds=5)
    equal, worse = comparison.architectures
    assert comparison.equal_architectures == ["equal"]
    assert (worse.trainings, worse.trainings_of_best, worse.method) == (5, 5, "welch")
    assert worse.is_told_apart
    assert worse.outperforms == 1.0
    assert worse.crossed_interval is not None
    assert worse.crossed_interval[0] > 0.1
    assert equal.crossed_interval is not None
    assert equal.crossed_interval[0] < 0 < equal.crossed_interval[1]
    said = " ".join(compared_in_words(comparison))
    assert "best is better than clearly worse. Over 5 trainings of each" in said
    assert "cannot tell equal from best" in said
    assert "p-values for 3 candidates" in said


def test_more_architectures_need_more_evidence(tmp_path: Path) -> None:
    accuracies = {"best": 0.92, "near": 0.9, "clearly worse": 0.7}
    trials = [
        trained(tmp_path, model, accuracy, seed)
        for model, accuracy in accuracies.items()
        for seed in range(3)
    ]
    answers = Answers(trials, LABELS, tmp_path)
    [alone] = compare_architectures(["best", "clearly worse"], answers, seed=0)
    among = compare_architectures(list(accuracies), answers, seed=0)[1]
    assert among.p_value == pytest.approx(2 * alone.p_value)


def test_seeds_that_agree_do_not_outweigh_other_images(tmp_path: Path) -> None:
    comparison = over_trainings(tmp_path, {"best": 0.92, "worse": 0.7}, seeds=5)
    [worse] = comparison.architectures
    assert worse.is_told_apart
    assert not worse.model_copy(update={"crossed_interval": (-0.01, 0.4)}).is_told_apart
    assert not worse.model_copy(update={"p_value": 0.06}).is_told_apart


@pytest.mark.parametrize(("accuracy", "recommended"), [(0.5, None), (0.9, "net")])
def test_a_network_at_chance_is_not_recommended(
    tmp_path: Path, accuracy: float, recommended: str | None
) -> None:
    done = trained(tmp_path, "net", accuracy, seed=0)
    data = compared(done).data
    plan = make_plan({"data": "petals:count=60", "models": ["vgg11"]})
    comparison = conclude_comparison(plan, data, [done], LABELS, tmp_path, complete=True)
    assert comparison.recommended == recommended
    assert comparison.recommended_trial == (recommended and done.folder)
    assert (comparison.most_accurate, comparison.most_accurate_trial) == ("net", done.folder)
    assert comparison.shown_trial == done.folder


def test_with_few_seeds_nothing_is_said_of_architectures(tmp_path: Path) -> None:
    comparison = over_trainings(tmp_path, {"best": 0.95, "worse": 0.6}, seeds=3)
    assert comparison.trainings_lacking == 2
    assert not comparison.architectures[0].is_told_apart
    assert compared_in_words(comparison) == [
        "Which architecture is better cannot be said: with other seeds the order may differ. It "
        "takes 2 more trainings of each (--seeds 5)."
    ]
    alone = over_trainings(tmp_path / "alone", {"best": 0.95}, seeds=1)
    assert (compared_in_words(alone), alone.trainings_lacking) == ([], 0)


def test_folds_are_not_pooled(tmp_path: Path) -> None:
    comparison = over_trainings(tmp_path, {"best": 0.9, "near": 0.87}, seeds=1, folds=5)
    [trained_networks], [architectures] = comparison.differences, comparison.architectures
    assert trained_networks.test == "corrected_resampled"
    assert trained_networks.images == IMAGES
    assert trained_networks.folds_interval == pytest.approx(architectures.interval)
    assert architectures.method == "corrected_resampled"
    assert (architectures.trainings, architectures.crossed_interval) == (5, None)
    assert "Over 5 folds" in " ".join(compared_in_words(comparison))
    fewer = over_trainings(tmp_path / "3", {"best": 0.9, "near": 0.87}, seeds=1, folds=3)
    assert "--folds 5" in compared_in_words(fewer)[0]


def test_more_trainings_do_not_help_where_images_are_lacking(tmp_path: Path) -> None:
    comparison = over_trainings(tmp_path, {"best": 0.93, "near": 0.915}, seeds=5)
    [near] = comparison.architectures
    near.trainings_needed = 5
    near.p_value = 0.5
    assert "More held-out images would tell more" in " ".join(compared_in_words(comparison))
    near.trainings_needed = 21
    assert "21 trainings of each would show it" in " ".join(compared_in_words(comparison))
