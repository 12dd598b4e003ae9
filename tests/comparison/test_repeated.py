"""Differences over repeated trainings: their error rates and coverage, where the truth is known."""

import numpy as np
import pytest
from scipy import stats

from keiryo.comparison.decision.repeated import (
    corrected_resampled,
    crossed_interval,
    outperforming,
    trainings_to_tell,
    welch,
)
from keiryo.statistics import mcnemar_mid_p, paired_difference_interval


def test_welch_is_scipys() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(0.90, 0.01, 6), generator.normal(0.88, 0.03, 4)
    found = welch(first, second)
    expected = stats.ttest_ind(first, second, equal_var=False)
    low, high = expected.confidence_interval(0.95)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.interval == pytest.approx((low, high))


def test_trainings_that_all_come_out_alike_differ_or_not() -> None:
    same = np.full(5, 0.8)
    assert welch(same, same).p_value == 1.0
    assert welch(same, same - 0.1).p_value == 0.0
    assert trainings_to_tell(0.0, (0.1, 0.1)) is None
    assert trainings_to_tell(1e-6, (0.1, 0.1)) is None


def test_a_probability_of_outperforming_has_an_interval_at_its_ends_too() -> None:
    share, (low, high) = outperforming(np.arange(5.0) + 10, np.arange(5.0))
    assert (share, high) == (1.0, 1.0)
    assert 0.5 < low < 0.9  # five trainings of each do not show that it always is
    share, (low, high) = outperforming(np.ones(5), np.ones(5))
    assert share == 0.5
    assert low == pytest.approx(1 - high)
    turned, (low_turned, high_turned) = outperforming(np.array([1.0, 4]), np.array([2.0, 3, 5]))
    back, (low_back, high_back) = outperforming(np.array([2.0, 3, 5]), np.array([1.0, 4]))
    assert turned == pytest.approx(1 - back)
    assert (low_turned, high_turned) == pytest.approx((1 - high_back, 1 - low_back))


def test_equal_networks_are_told_apart_in_five_percent_of_cases() -> None:
    generator = np.random.default_rng(1)
    shares = [0.80, 0.06, 0.06, 0.08]  # both, the first alone, the second alone, neither correct
    tables, times = np.unique(
        generator.multinomial(863, shares, size=4000), axis=0, return_counts=True
    )
    rejected = [mcnemar_mid_p(first, second) < 0.05 for _, first, second, _ in tables.tolist()]
    assert np.average(rejected, weights=times) == pytest.approx(0.05, abs=0.012)
    intervals = [paired_difference_interval(*table) for table in tables.tolist()]
    covered = [low <= 0.0 <= high for low, high in intervals]
    assert np.average(covered, weights=times) == pytest.approx(0.95, abs=0.012)


def test_equal_architectures_are_told_apart_in_five_percent_of_cases() -> None:
    generator = np.random.default_rng(2)
    draws = generator.normal(0.9, [[0.01], [0.02]], size=(2000, 2, 5))
    found = [welch(first, second) for first, second in draws]
    rejected = np.mean([each.p_value < 0.05 for each in found])
    assert rejected == pytest.approx(0.05, abs=0.015)
    assert np.mean([each.interval[0] <= 0 <= each.interval[1] for each in found]) == 1 - rejected


def test_folds_that_share_training_images_count_less() -> None:
    generator = np.random.default_rng(3)
    # Of two folds' differences, the correlation is held-out / all images: a fifth.
    common = generator.normal(size=(3000, 1)) * np.sqrt(0.2)
    differences = common + generator.normal(size=(3000, 5)) * np.sqrt(0.8)
    corrected = np.mean([corrected_resampled(each, 0.25).p_value < 0.05 for each in differences])
    pooled = np.mean(stats.ttest_1samp(differences, 0.0, axis=1).pvalue < 0.05)
    assert corrected == pytest.approx(0.05, abs=0.015)
    assert pooled > 0.08


def simulated_answers(
    generator: np.random.Generator, *, images: int, seeds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the answers (seeds, images) of trainings of two architectures that are equally good.

    Images differ in how hard they are for both and for each; seeds move the accuracy by 2 points.
    """
    hardness = generator.normal(1.2, 1.0, size=images)
    answers = []
    for _ in range(2):
        own = hardness + generator.normal(0.0, 0.8, size=images)
        of_seeds = generator.normal(0.0, 0.12, size=(seeds, 1))
        answers.append(own + of_seeds + generator.logistic(0.0, 0.3, size=(seeds, images)) > 0)
    return answers[0], answers[1]


def test_a_crossed_interval_covers_the_truth_for_other_seeds_and_other_images() -> None:
    generator = np.random.default_rng(4)
    crossed, over_seeds = [], []
    for number in range(200):
        first, second = simulated_answers(generator, images=250, seeds=5)
        low, high = crossed_interval(first, second, seed=number, samples=400)
        crossed.append(low <= 0.0 <= high)
        interval = welch(first.mean(1), second.mean(1)).interval
        over_seeds.append(interval[0] <= 0.0 <= interval[1])
    assert 0.92 <= np.mean(crossed) <= 0.99
    # Seeds alone say nothing of other images.
    assert np.mean(over_seeds) < 0.90


def test_a_crossed_interval_depends_on_its_seed_alone() -> None:
    answers = simulated_answers(np.random.default_rng(5), images=100, seeds=5)
    assert crossed_interval(*answers, seed=1) == crossed_interval(*answers, seed=1)
    turned = crossed_interval(answers[1], answers[0], seed=1)
    assert -turned[1] == pytest.approx(crossed_interval(*answers, seed=1)[0], abs=0.01)
