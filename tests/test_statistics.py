"""Statistics in a few lines of numpy, against the libraries that are slow to import."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from sklearn.metrics import roc_auc_score

from keiryo.statistics import (
    area_under_roc,
    holm,
    mcnemar_mid_p,
    paired_difference_interval,
    wilson_interval,
)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_is_scipys(drawn: tuple[int, int]) -> None:
    correct, count = drawn
    expected = binomtest(correct, count).proportion_ci(method="wilson")
    assert wilson_interval(correct, count) == pytest.approx(
        (expected.low, expected.high), abs=1e-12
    )


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60))
def test_an_area_is_scikit_learns(drawn: list[tuple[bool, int]]) -> None:
    positive = np.array([is_positive for is_positive, _ in drawn])
    scores = np.array([score / 7 for _, score in drawn])
    assume(positive.any() and not positive.all())
    assert area_under_roc(positive, scores) == pytest.approx(roc_auc_score(positive, scores))


# Newcombe 1998, table II: the first counts, and the interval by method 10.
def test_a_paired_interval_is_newcombes() -> None:
    low, high = paired_difference_interval(36, 12, 2, 0)
    assert (round(low, 4), round(high, 4)) == (0.0569, 0.3404)


@given(st.lists(st.integers(0, 400), min_size=4, max_size=4))
def test_a_paired_interval_holds_the_difference_and_turns_with_the_order(
    counts: list[int],
) -> None:
    assume(sum(counts) > 0)
    both, first, second, neither = counts
    low, high = paired_difference_interval(both, first, second, neither)
    assert -1 - 1e-9 <= low <= (first - second) / sum(counts) <= high <= 1 + 1e-9
    turned = paired_difference_interval(both, second, first, neither)
    assert turned == pytest.approx((-high, -low), abs=1e-12)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_mid_p_is_the_exact_one_less_the_chance_of_what_was_seen(
    first: int, second: int
) -> None:
    assume(first != second)
    exact = binomtest(first, first + second).pvalue
    seen = binom.pmf(first, first + second, 0.5)
    assert mcnemar_mid_p(first, second) == pytest.approx(exact - seen, rel=1e-9)
    assert mcnemar_mid_p(first, first) == 1.0


# Holm 1979, and the worked example of R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm").
def test_p_values_are_adjusted_for_their_number() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.7, 0.9]) == [1.0, 1.0]
