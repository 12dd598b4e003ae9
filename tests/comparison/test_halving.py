import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keiryo.comparison.halving import Standing, halve, rung_shares, why_dropped

accuracies = st.lists(st.integers(0, 4).map(lambda hits: hits / 4), max_size=3).map(tuple)
standings = st.lists(
    st.builds(
        Standing,
        candidate=st.just(""),
        accuracies=accuracies,
        failures=st.integers(0, 2),
        parameters=st.none() | st.integers(1, 3),
    ),
    min_size=1,
    max_size=12,
).map(
    lambda drawn: [
        Standing(f"c{number}", s.accuracies, s.failures, s.parameters)
        for number, s in enumerate(drawn)
    ]
)


@pytest.mark.parametrize(
    ("candidates", "shares"),
    [
        (1, [1.0]),
        (2, [0.5, 1.0]),
        (3, [0.25, 0.5, 1.0]),
        (4, [0.25, 0.5, 1.0]),
        (5, [0.125, 0.25, 0.5, 1.0]),
        (8, [0.125, 0.25, 0.5, 1.0]),
        (100, [0.125, 0.25, 0.5, 1.0]),
    ],
)
def test_the_shares_double_up_to_the_whole(candidates: int, shares: list[float]) -> None:
    assert rung_shares(candidates) == shares


@given(st.integers(2, 300))
def test_halving_leaves_one_or_an_eighth_and_takes_less_than_all(candidates: int) -> None:
    shares = rung_shares(candidates)
    assert shares == sorted(set(shares))
    assert (shares[0] >= 1 / 8, shares[-1]) == (True, 1.0)
    left, spent, before = candidates, 0.0, 0.0
    for share in shares:
        spent += left * (share - before)
        before = share
        if share < 1.0:
            left = math.ceil(left / 2)
    assert left == 1 or left == math.ceil(candidates / 8)
    assert spent <= 0.75 * candidates


@given(standings)
def test_the_better_half_goes_on(drawn: list[Standing]) -> None:
    better, others = halve(drawn)
    assert sorted(s.candidate for s in [*better, *others]) == sorted(s.candidate for s in drawn)
    left = sum(bool(s.accuracies) for s in drawn)
    assert len(better) == min(math.ceil(len(drawn) / 2), left)
    for one in better:
        for other in others:
            if not other.accuracies:
                continue
            assert (one.failures > 0) <= (other.failures > 0)
            if (one.failures > 0) == (other.failures > 0):
                assert one.accuracy >= other.accuracy
    assert halve(drawn) == (better, others)


@given(standings, st.randoms())
def test_the_order_of_the_plan_decides_only_between_equals(
    drawn: list[Standing], random: object
) -> None:
    distinct = list({(s.accuracies, s.failures, s.parameters): s for s in drawn}.values())
    means = [(s.failures > 0, s.accuracy, s.parameters) for s in distinct if s.accuracies]
    if len(set(means)) < len(means):
        return
    shuffled = list(distinct)
    random.shuffle(shuffled)  # pyright: ignore
    assert {s.candidate for s in halve(distinct)[0]} == {s.candidate for s in halve(shuffled)[0]}


def test_between_equals_the_smaller_goes_on_and_then_the_first_named() -> None:
    drawn = [
        Standing("large", (0.5,), parameters=9),
        Standing("unknown", (0.5,), parameters=None),
        Standing("small", (0.5,), parameters=3),
        Standing("as small", (0.25, 0.75), parameters=3),
    ]
    better, others = halve(drawn)
    assert [s.candidate for s in better] == ["small", "as small"]
    assert [s.candidate for s in others] == ["large", "unknown"]
    assert [s.candidate for s in halve(drawn[2:])[0]] == ["small"]
    assert why_dropped(drawn[0], better, 0.25).endswith(
        "50.0 % held-out accuracy, the same as as small, which has fewer parameters"
    )
    assert why_dropped(drawn[3], [drawn[2]], 0.5).endswith(
        "held-out accuracy (the mean of 2 trainings), the same as small, which was named first"
    )


def test_why_one_was_dropped_is_a_plain_sentence() -> None:
    better = [Standing("a", (0.7,)), Standing("b", (0.55,))]
    assert why_dropped(Standing("c", (0.412,)), better, 0.125) == (
        "stopped early at 12.5 % of its training: 41.2 % held-out accuracy, "
        "the better half had at least 55.0 %"
    )
    assert why_dropped(Standing("d", (0.9,), failures=2), better, 0.25) == (
        "stopped early at 25 % of its training: 90.0 % held-out accuracy, "
        "and 2 of its 3 trainings failed"
    )
    failed = Standing("e", (), failures=1)
    assert halve([failed, better[0]]) == ([better[0]], [failed])
    assert halve([failed]) == ([], [failed])
    assert "right" not in why_dropped(failed, better, 0.5)
