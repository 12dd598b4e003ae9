from dataclasses import replace

import pytest

from keiryo.records.costs import DeviceProfile
from keiryo.records.study import Verdict, conclude
from keiryo.report.study_page import render_study_page
from keiryo.study import convolution
from keiryo.study.convolution import Case, ConvolutionData, EqualCost, Step
from keiryo.study.run import run_study
from keiryo.study.turns import ratio_interval

PROFILE = DeviceProfile(
    processor="one",
    device="cpu",
    threads=1,
    torch="2",
    macs_per_second=1e10,
    bandwidths=[(1000, 1e10)],
    call_seconds={"convolution": 0, "matrix product": 0, "normalisation": 0, "other": 0},
)
PROMISED = 1 / 64 + 1 / 9
SLOWED = (2 * PROMISED, 2 * PROMISED, 2 * PROMISED)


def make_data(
    *,
    ratio: tuple[float, float, float] = (PROMISED, PROMISED, PROMISED),
    is_disturbed: bool = False,
) -> ConvolutionData:
    case = Case(
        side=14,
        channels=64,
        kernel=3,
        ordinary=Step(196 * 9 * 64 * 64, 100_000, 1e-3),
        depthwise=Step(196 * 9 * 64, 200_000, 1e-4),
        pointwise=Step(196 * 64 * 64, 100_000, 1e-4),
        time_ratio=ratio,
        block_ratio=ratio,
        is_disturbed=is_disturbed,
    )
    equal_cost = EqualCost(1000, 900, [0.80, 0.81, 0.82], [0.90, 0.91, 0.93])
    return ConvolutionData([case], PROFILE, False, equal_cost)


def verdict_of(data: ConvolutionData, part: str) -> Verdict:
    return next(one.verdict for one in convolution.judge(data) if one.part == part)


def test_all_parts_hold_where_the_data_say_so() -> None:
    assert {one.verdict for one in convolution.judge(make_data())} == {"holds"}


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(SLOWED, "within_limits"), ((1.2, 1.1, 1.3), "does_not_hold")],
)
def test_the_times_decide(ratio: tuple[float, float, float], expected: Verdict) -> None:
    data = make_data(ratio=ratio)
    assert verdict_of(data, "time") == verdict_of(data, "block") == expected
    assert verdict_of(data, "counts") == "holds"


def test_disturbed_times_are_not_judged_but_counts_are() -> None:
    data = replace(make_data(ratio=SLOWED, is_disturbed=True), is_profile_disturbed=True)
    assert [one.verdict for one in convolution.judge(data)] == [
        "holds",
        *["not_judged"] * 3,
        "holds",
    ]


def test_the_counts_decide() -> None:
    data = make_data()
    case = replace(data.cases[0], depthwise=Step(196 * 9 * 64 + 1, 200_000, 1e-4))
    assert verdict_of(replace(data, cases=[case]), "counts") == "does_not_hold"
    case = replace(data.cases[0], depthwise=Step(196 * 9 * 64, 10, 1e-4))
    assert verdict_of(replace(data, cases=[case]), "memory") == "does_not_hold"


def test_the_accuracies_decide() -> None:
    data = make_data()
    same = replace(data.equal_cost, separable=[0.79, 0.82, 0.82])
    assert verdict_of(replace(data, equal_cost=same), "accuracy") == "within_limits"
    worse = replace(data.equal_cost, separable=[0.60, 0.61, 0.63])
    assert verdict_of(replace(data, equal_cost=worse), "accuracy") == "does_not_hold"


def test_parts_make_a_verdict() -> None:
    data = make_data(ratio=SLOWED)
    assert conclude(convolution.judge(data)) == "within_limits"
    assert conclude(convolution.judge(make_data())) == "holds"
    assert conclude([]) == "not_judged"


def test_the_interval_holds_the_median_of_the_ratios() -> None:
    # Of six values, the least and the greatest enclose the median with 1 - 2/64 (Conover 1999).
    assert ratio_interval([1, 2, 3, 4, 5, 6], [1] * 6) == (3.5, 1, 6)
    # Of nine, the second and the eighth do with 1 - 2 · 10/512.
    assert ratio_interval(list(range(1, 10)), [1] * 9) == (5, 2, 8)


@pytest.mark.slow
def test_the_study_runs() -> None:
    sizes = convolution.Sizes((8,), (16,), (3,), rounds=6, steps=2, seeds=2)
    study = run_study("convolution", sizes=sizes)
    counts, *_ = study.judgements
    assert counts.verdict == "holds"
    assert "<svg" in render_study_page(study, "ja")
