"""The loss with class weights."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from keiryo.data.batches.device_batches import DeviceBatch
from keiryo.statistics import balanced_accuracy
from keiryo.train.classification.loss import class_weights, classification_loss


def test_all_classes_count_alike() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    weights = class_weights(labels, 3)
    assert (weights[labels]).mean() == pytest.approx(1)
    assert weights[0] * 90 == pytest.approx(weights[1] * 10)
    assert weights[2] == 0  # it has no images


def test_a_loss_is_multiplied_by_the_weight_of_its_class() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(6, 2), torch.tensor([0, 1, 0, 0, 1, 0])
    batch = DeviceBatch(images=torch.zeros(6, 3, 2, 2), labels=labels)
    each = functional.cross_entropy(logits, labels, reduction="none", label_smoothing=0.1)
    plain = classification_loss(logits, batch, 0.1)
    torch.testing.assert_close(plain, each.mean())
    weights = torch.tensor([0.5, 2.0])
    expected = (each * weights[labels]).mean()
    torch.testing.assert_close(classification_loss(logits, batch, 0.1, weights), expected)


def test_balanced_accuracy_counts_classes_not_images() -> None:
    labels = np.array([0] * 9 + [1])
    assert balanced_accuracy(np.zeros(10, dtype=int), labels) == pytest.approx(0.5)
    assert balanced_accuracy(labels, labels) == 1.0
