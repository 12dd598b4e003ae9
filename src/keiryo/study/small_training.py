"""Small networks trained on the built-in digits: a few seconds each on one core."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev

import torch
from torch import Tensor, nn
from torch.nn import functional

from keiryo.data.sources.digits import SIDE, open_digits

HELD_OUT = 500
BATCH = 64
LEARNING_RATE = 3e-3
# 97.5 % quantiles of Student's t by degrees of freedom, for intervals of a mean of few seeds.
STUDENT = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


@dataclass(frozen=True)
class Digits:
    """Images (N, 1, 8, 8) of mean 0 and deviation 1, and labels (N), in two parts."""

    images: Tensor
    labels: Tensor
    held_out_images: Tensor
    held_out_labels: Tensor


def read_digits() -> Digits:
    """Read the built-in digits; the last images, by other writers, are held out."""
    source = open_digits("digits")
    pixels = [source.read(index, SIDE, "stretch").pixels for index in range(len(source.items))]
    images = torch.stack([torch.from_numpy(one)[None, :, :, 0].float() for one in pixels])
    labels = torch.tensor([item.label for item in source.items])
    images = (images - images[:-HELD_OUT].mean()) / images[:-HELD_OUT].std()
    return Digits(images[:-HELD_OUT], labels[:-HELD_OUT], images[-HELD_OUT:], labels[-HELD_OUT:])


def train(network: nn.Module, data: Digits, *, steps: int, seed: int) -> float:
    """Train `network` in place with Adam for `steps` steps; return its held-out accuracy."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    network.train()
    for _ in range(steps):
        chosen = torch.randint(0, len(data.labels), (BATCH,), generator=generator)
        loss = functional.cross_entropy(network(data.images[chosen]), data.labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return accuracy(network, data)


def accuracy(network: nn.Module, data: Digits) -> float:
    """Return the held-out accuracy of `network`, in evaluation mode."""
    network.eval()
    with torch.inference_mode():
        found = network(data.held_out_images).argmax(dim=1)
    return float((found == data.held_out_labels).double().mean())


def accuracies(
    build: Callable[[], nn.Module], data: Digits, *, steps: int, seeds: Sequence[int]
) -> list[float]:
    """Train a new network for each of the `seeds`; return their held-out accuracies."""
    found = []
    for seed in seeds:
        torch.manual_seed(seed)
        found.append(train(build(), data, steps=steps, seed=seed))
    return found


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean of `values`, two at least, and its 95 % interval (Student's t)."""
    middle = mean(values)
    half = STUDENT.get(len(values) - 1, 1.96) * stdev(values) / sqrt(len(values))
    return middle, middle - half, middle + half
