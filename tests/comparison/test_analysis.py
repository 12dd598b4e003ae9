"""The analysis of a network's answers: confusions, classes, calibration, the worst errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ncx2, norm
from sklearn.metrics import confusion_matrix, precision_score, recall_score

from keiryo.comparison.trial.analysis import MOST_ERRORS, analyze
from keiryo.comparison.trial.calibration import measure_calibration
from keiryo.records.analysis import Analysis
from keiryo.statistics import wilson_interval


def random_answers(seed: int, images: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(classes, 0.5), size=images)
    return probabilities, generator.integers(0, classes, size=images)


def analyzed(probabilities: np.ndarray, labels: np.ndarray) -> Analysis:
    classes = [f"class {number}" for number in range(probabilities.shape[1])]
    return analyze(probabilities, labels, classes, [f"{row}.jpg" for row in range(len(labels))])


@settings(max_examples=30)
@given(st.integers(0, 99), st.integers(1, 60), st.integers(2, 6))
def test_classes_and_confusions_are_scikit_learns(seed: int, images: int, classes: int) -> None:
    probabilities, labels = random_answers(seed, images, classes)
    found = analyzed(probabilities, labels)
    predicted = probabilities.argmax(1)
    numbers = list(range(classes))
    expected = confusion_matrix(labels, predicted, labels=numbers)
    assert found.confusion_matrix == expected.tolist()
    assert found.errors == (labels != predicted).sum()
    recalls = recall_score(labels, predicted, labels=numbers, average=None, zero_division=np.nan)
    precisions = precision_score(
        labels, predicted, labels=numbers, average=None, zero_division=np.nan
    )
    for each, recall, precision in zip(found.classes, recalls, precisions, strict=True):
        assert (each.recall is None) == bool(np.isnan(recall))
        assert (each.precision is None) == bool(np.isnan(precision))
        if each.recall is not None:
            assert each.recall == pytest.approx(recall)
            assert each.recall_interval == wilson_interval(each.correct, each.images)
        if each.precision is not None:
            assert each.precision == pytest.approx(precision)


def test_the_most_confident_errors_come_first() -> None:
    probabilities, labels = random_answers(0, 200, 3)
    found = analyzed(probabilities, labels).confident_errors
    assert len(found) == MOST_ERRORS
    shown = [error.probability for error in found]
    assert shown == sorted(shown, reverse=True)
    wrong = probabilities.argmax(1) != labels
    assert shown[0] == pytest.approx(probabilities.max(1)[wrong].max(), abs=1e-4)
    row = int(found[0].file.removesuffix(".jpg"))
    assert found[0].label == f"class {labels[row]}"
    assert found[0].label_probability == pytest.approx(probabilities[row, labels[row]], abs=1e-4)


def test_few_images_have_no_calibration() -> None:
    assert measure_calibration(np.full(19, 0.7), np.ones(19, bool)) is None
    one_bin = measure_calibration(np.full(20, 0.7), np.ones(20, bool))
    assert one_bin is not None
    assert len(one_bin.bins) == 1
    assert one_bin.overconfidence == pytest.approx(-0.3)


@pytest.mark.parametrize("excess", [0.0, 0.1])
def test_a_calibration_error_is_unbiased_and_its_interval_covers_it(excess: float) -> None:
    generator = np.random.default_rng(6)
    squares, covered = [], []
    for _ in range(250):
        true = generator.uniform(0.5, 0.9, size=600)
        correct = generator.random(600) < true
        found = measure_calibration(true + excess, correct)
        assert found is not None
        squares.append(found.squared_error)
        covered.append(found.interval[0] <= excess <= found.interval[1])
    # Without the correction, chance alone brings 15 bins to some 0.005.
    assert np.mean(squares) == pytest.approx(excess**2, abs=0.0008)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.035)


def test_bins_hold_equally_many_images() -> None:
    generator = np.random.default_rng(7)
    found = measure_calibration(generator.random(1000) ** 4, generator.random(1000) < 0.5)
    assert found is not None
    assert {part.images for part in found.bins} <= {66, 67}
    confidences = [part.confidence for part in found.bins]
    assert confidences == sorted(confidences)


def test_the_interval_is_that_of_a_noncentral_chi_square() -> None:
    # Equal variances v in all bins: the sum of n d² / v has a degree of freedom for each.
    correct = np.arange(400) % 4 != 0
    found = measure_calibration(np.full(400, 0.95), correct)
    assert found is not None
    variance = 0.2
    assert found.squared_error == pytest.approx(0.04 - variance / 26, abs=0.001)
    size = len(correct) / len(found.bins)
    means = np.array([part.accuracy - part.confidence for part in found.bins])
    seen, freedom = float((size * means**2 / variance).sum()), len(means)
    low, high = (size * len(means) * end**2 / variance for end in found.interval)
    assert norm.ppf(ncx2.cdf(seen, freedom, low)) == pytest.approx(1.96, abs=0.15)
    assert norm.ppf(ncx2.cdf(seen, freedom, high)) == pytest.approx(-1.96, abs=0.15)
