"""Images and stops of small trainings of classifiers."""

from collections.abc import Callable

import numpy as np

from keiryo.data.sources.petals import CLASSES, draw_image
from keiryo.models.saved import Preprocessing
from keiryo.train.classification.image_set import ImageSet


def small_image_set(*, size: int, train: int, val: int) -> ImageSet:
    """Petals of `size` x `size`: the first `train` to train on, the other `val` held out."""
    labels = np.arange(train + val) % len(CLASSES)
    drawn = [draw_image(label, size=size, seed=(0, index)) for index, label in enumerate(labels)]
    return ImageSet(
        images=np.stack(drawn),
        labels=labels,
        train=np.arange(train),
        val=np.arange(train, train + val),
        preprocessing=Preprocessing(size=size, mean=(0.4,) * 3, std=(0.25,) * 3),
    )


def stop_after(steps: int) -> Callable[[], bool]:
    """A listener's `wants_stop` that stops a training after so many steps."""
    asked = 0

    def wants_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked >= steps

    return wants_stop
