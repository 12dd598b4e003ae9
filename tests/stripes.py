"""Images of stripes, and networks so small that they learn them in a second."""

import functools

import numpy as np
import torch
from torch import nn

from keiryo.models.saved import Preprocessing
from keiryo.train.classification.image_set import ImageSet
from keiryo.train.recipe import RECIPES

SIZE, CLASSES = 16, 5
PLAIN = RECIPES["plain"]


def stripes(
    count: int, *, noise: float = 30.0, unevenness: float = 0.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return images of stripes whose direction is their class, and the labels."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    angle = np.pi * labels / CLASSES
    down, across = np.mgrid[:SIZE, :SIZE]
    along = np.cos(angle)[:, None, None] * across + np.sin(angle)[:, None, None] * down
    phase = random.uniform(0, 2 * np.pi, count)[:, None, None]
    gray = 128 + 70 * np.sin(1.3 * along + phase)
    gray += random.normal(0, unevenness, (count, 1, 1))
    image_set = gray[..., None] + random.normal(0, noise, (count, SIZE, SIZE, 3))
    return image_set.clip(0, 255).astype(np.uint8), labels


@functools.cache
def image_set(
    *, train: int = 400, noise: float = 30.0, unevenness: float = 0.0, wrong_labels: float = 0.0
) -> ImageSet:
    images, labels = stripes(train + 200, noise=noise, unevenness=unevenness)
    random = np.random.default_rng(1)
    wrong = random.random(len(labels)) < wrong_labels
    labels = np.where(wrong, (labels + random.integers(1, CLASSES, len(labels))) % CLASSES, labels)
    return ImageSet(
        images=images,
        labels=labels,
        train=np.arange(train),
        val=np.arange(train, train + 200),
        preprocessing=Preprocessing(size=SIZE, mean=(0.5,) * 3, std=(0.25,) * 3),
    )


def small(*, momentum: float = 0.1, width: int = 16, gain: float = 1.0) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = 3
    for stride in (1, 2, 2):
        layers += [
            nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(width, momentum=momentum),
            nn.ReLU(),
        ]
        with torch.no_grad():
            layers[-3].get_parameter("weight").mul_(gain)
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES))


def deep(activation: type[nn.Module], *, layers: int = 12, gain: float = 1.0) -> nn.Sequential:
    width = 48
    stack: list[nn.Module] = [nn.Flatten(), nn.Linear(3 * SIZE * SIZE, width), activation()]
    for _ in range(layers):
        stack += [nn.Linear(width, width), activation()]
    network = nn.Sequential(*stack, nn.Linear(width, CLASSES))
    for layer in network:
        if isinstance(layer, nn.Linear):
            with torch.no_grad():
                layer.weight.mul_(gain)
    return network
