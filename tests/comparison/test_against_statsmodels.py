"""The statistics of comparisons, against statsmodels on the same numbers."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.nonparametric import rank_compare_2indep
from statsmodels.stats.power import TTestIndPower
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_confint,
    proportions_ztest,
)
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from keiryo.comparison.decision.repeated import outperforming, trainings_to_tell, welch
from keiryo.statistics import (
    holm,
    independent_difference_interval,
    mcnemar_mid_p,
    two_proportions_p,
    wilson_interval,
)

SHARES = st.integers(2, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=50)
@given(SHARES, SHARES)
def test_proportions(one: tuple[int, int], other: tuple[int, int]) -> None:
    low, high = proportion_confint(*one, method="wilson")
    assert wilson_interval(*one) == pytest.approx((low, high), abs=1e-9)
    expected = confint_proportions_2indep(*one, *other, compare="diff", method="newcomb")
    assert independent_difference_interval(*one, *other) == pytest.approx(expected, abs=1e-9)
    correct, counts = zip(one, other, strict=True)
    assume(0 < sum(correct) < sum(counts))
    _, p_value = proportions_ztest(correct, counts)
    assert two_proportions_p(*one, *other) == pytest.approx(p_value, abs=1e-9)


def test_equal_proportions_at_an_end_do_not_differ() -> None:
    assert two_proportions_p(5, 5, 9, 9) == 1.0


@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar(first: int, second: int) -> None:
    assume(first != second)
    exact = mcnemar([[9, first], [second, 9]], exact=True).pvalue
    mid_p = mcnemar_mid_p(first, second)
    assert mid_p <= exact
    if min(first, second) > 60:
        plain = mcnemar([[9, first], [second, 9]], exact=False, correction=False).pvalue
        assert mid_p == pytest.approx(plain, abs=0.005)


def test_holms_correction() -> None:
    p_values = np.random.default_rng(0).random(9) ** 4
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-12)


def test_means_over_trainings() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(0.90, 0.01, 5), generator.normal(0.89, 0.02, 7)
    found = welch(first, second)
    means = CompareMeans(DescrStatsW(first), DescrStatsW(second))
    assert found.p_value == pytest.approx(means.ttest_ind(usevar="unequal")[1])
    assert found.interval == pytest.approx(means.tconfint_diff(usevar="unequal"))
    assert outperforming(first, second)[0] == pytest.approx(
        rank_compare_2indep(first, second).prob1
    )


@settings(max_examples=20)
@given(st.floats(0.3, 3.0))
def test_the_number_of_trainings_has_the_power_of_80_percent(effect: float) -> None:
    expected = TTestIndPower().solve_power(effect, alpha=0.05, power=0.8)
    found = trainings_to_tell(effect * 0.01, (0.01**2, 0.01**2))
    assert found is not None
    assert abs(found - np.ceil(expected)) <= 1
