import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from keiryo.train.classification.label_errors import find_suspect_labels


def test_planted_label_errors_are_found_first() -> None:
    data, labels = load_digits(return_X_y=True)
    random = np.random.default_rng(0)
    wrong = random.permutation(len(labels))[:60]
    given_labels = labels.copy()
    given_labels[wrong] = (labels[wrong] + random.integers(1, 10, 60)) % 10
    model = LogisticRegression(C=0.1, max_iter=500)
    probabilities = cross_val_predict(model, data / 16, given_labels, cv=5, method="predict_proba")
    suspects = find_suspect_labels(probabilities, given_labels)
    rows = [row for row, _ in suspects]
    # About as many as there are, hardly a right one among them, and most by their true class.
    assert 35 <= len(rows) <= 70
    assert len(set(rows) & set(wrong)) >= 0.9 * len(rows)
    rightly = [labels[row] == suggested for row, suggested in suspects if row in set(wrong)]
    assert np.mean(rightly) > 0.9


def test_a_model_that_agrees_with_every_label_doubts_none() -> None:
    labels = np.arange(30) % 3
    probabilities = np.where(np.eye(3)[labels] == 1, 0.9, 0.05)
    assert find_suspect_labels(probabilities, labels) == []


def test_the_worst_contradiction_comes_first() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    first = np.array([0.9, 0.3, 0.05, 0.1, 0.2, 0.1])
    probabilities = np.stack([first, 1 - first], axis=1)
    assert find_suspect_labels(probabilities, labels) == [(2, 1)]


@given(st.integers(1, 40), st.integers(2, 6), st.integers(0, 2**32))
def test_no_suspect_is_suggested_its_own_label(count: int, classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(classes), count)
    labels = random.integers(0, classes, count)
    suspects = find_suspect_labels(probabilities, labels)
    assert all(labels[row] != suggested for row, suggested in suspects)
    assert all(probabilities[row].argmax() == suggested for row, suggested in suspects)
    own = [probabilities[row, labels[row]] for row, _ in suspects]
    assert own == sorted(own)
