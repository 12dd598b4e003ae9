from hypothesis import given
from hypothesis import strategies as st

from keiryo.comparison.rank import rank
from keiryo.records.comparison import Limits, Trial
from keiryo.records.speed import Latency


def trial(
    model: str, accuracy: float | None, latency: float = 1.0, size: int = 10, params: int = 10
) -> Trial:
    return Trial(
        model=model,
        seed=0,
        status="failed" if accuracy is None else "done",
        folder=f"trials/{model}",
        val_accuracy=accuracy,
        latency_ms=Latency(p50=latency, p95=latency, batch=1, threads=1, runs=1, device="cpu"),
        artifact_bytes=size,
        parameters=params,
    )


def test_the_most_accurate_is_recommended() -> None:
    ranking = rank([trial("a", 0.8), trial("b", 0.9), trial("c", None)], Limits())
    assert ranking.models == ["b", "a"]
    assert ranking.recommended == "b"
    assert ranking.recommended_trial == "trials/b"


def test_limits_decide_which_may_be_recommended() -> None:
    trials = [
        trial("best", 0.9, latency=9, size=9_000_000, params=900),
        trial("good", 0.8, latency=3, size=3_000_000, params=300),
        trial("small", 0.7, latency=1, size=1_000_000, params=100),
    ]
    for limits, expected in (
        (Limits(max_latency_ms=9), "best"),
        (Limits(max_latency_ms=8.9), "good"),
        (Limits(max_size_mb=3), "good"),
        (Limits(max_params=299), "small"),
        (Limits(max_latency_ms=0.5), None),
    ):
        assert rank(trials, limits).recommended == expected


def test_what_was_not_measured_does_not_fit_a_limit() -> None:
    unmeasured = trial("a", 0.9)
    unmeasured.latency_ms = None
    assert rank([unmeasured], Limits(max_latency_ms=5)).recommended is None
    assert rank([unmeasured], Limits()).recommended == "a"


def test_models_are_ranked_by_their_mean_over_the_seeds() -> None:
    trials = [trial("a", 0.9), trial("a", 0.5), trial("b", 0.8), trial("b", 0.75)]
    assert rank(trials, Limits()).models == ["b", "a"]


def test_a_seed_without_a_figure_does_not_count() -> None:
    unmeasured = trial("a", 0.9)
    unmeasured.val_accuracy = None
    for trials in ([trial("a", 0.9), unmeasured], [unmeasured, trial("a", 0.9)]):
        assert rank([*trials, trial("b", 0.8)], Limits()).models == ["a", "b"]
    assert rank([unmeasured], Limits()).models == []


def test_of_equals_the_lightest_is_recommended_and_lies_on_the_front() -> None:
    trials = [trial("slow", 0.9, latency=3), trial("quick", 0.9, latency=2)]
    assert rank(trials, Limits()).recommended == "quick"
    assert rank(trials, Limits()).pareto == ["quick"]
    trials = [trial("large", 0.9, params=20), trial("small", 0.9, params=10)]
    assert rank(trials, Limits()).models == ["small", "large"]


def test_the_seed_is_chosen_by_the_training_images() -> None:
    lucky, better = trial("a", 0.9), trial("a", 0.8)
    lucky.train_accuracy, better.train_accuracy = 0.90, 0.95
    lucky.folder, better.folder = "lucky", "better"
    assert rank([lucky, better], Limits()).recommended_trial == "better"


def test_balanced_accuracy_ranks_if_it_is_asked_for() -> None:
    one_class, all_classes = trial("one class", 0.9), trial("all classes", 0.85)
    one_class.val_balanced_accuracy, all_classes.val_balanced_accuracy = 0.5, 0.8
    assert rank([one_class, all_classes], Limits()).recommended == "one class"
    assert rank([one_class, all_classes], Limits(), "balanced").recommended == "all classes"


def test_a_limit_is_compared_with_the_fastest_run_of_a_disturbed_measurement() -> None:
    disturbed = trial("a", 0.9, latency=8)
    assert disturbed.latency_ms is not None
    disturbed.latency_ms.best = 4
    assert rank([disturbed], Limits(max_latency_ms=5)).recommended is None
    disturbed.latency_ms.disturbed = True
    assert rank([disturbed], Limits(max_latency_ms=5)).recommended == "a"


def test_nothing_finished_recommends_nothing() -> None:
    ranking = rank([trial("a", None)], Limits())
    assert (ranking.models, ranking.recommended, ranking.recommended_trial) == ([], None, None)


@given(st.lists(st.tuples(st.integers(0, 10), st.integers(1, 10)), min_size=1, max_size=8))
def test_the_pareto_front_is_what_no_other_beats(figures: list[tuple[int, int]]) -> None:
    trials = [trial(f"m{n}", a / 10, latency=float(t)) for n, (a, t) in enumerate(figures)]
    ranking = rank(trials, Limits())
    assert ranking.pareto
    for number, (accuracy, latency) in enumerate(figures):
        beaten = any(
            a >= accuracy and t <= latency and (a, t) != (accuracy, latency) for a, t in figures
        )
        assert (f"m{number}" in ranking.pareto) == (not beaten)
