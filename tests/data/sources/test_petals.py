import cv2
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from keiryo.data.sources.petals import CLASSES, Petals


def test_the_seed_decides_every_bit() -> None:
    one, same, other = (Petals(count=20, seed=seed) for seed in (1, 1, 2))
    for index in (0, 7, 19):
        drawn = [petals.read(index, 48, "crop").pixels for petals in (one, same, other)]
        assert np.array_equal(drawn[0], drawn[1])
        assert not np.array_equal(drawn[0], drawn[2])


def test_a_image_does_not_depend_on_how_many_there_are() -> None:
    assert np.array_equal(
        Petals(count=20).read(11, 40, "crop").pixels, Petals(count=500).read(11, 40, "crop").pixels
    )


@pytest.mark.parametrize("size", [8, 33, 224])
def test_any_size(size: int) -> None:
    pixels = Petals(count=10).read(4, size, "crop").pixels
    assert pixels.shape == (size, size, 3)
    assert pixels.dtype == np.uint8


def test_classes_come_in_turn_and_images_differ() -> None:
    petals = Petals(count=25)
    assert [petals.items[index].label for index in range(6)] == [0, 1, 2, 3, 4, 0]
    assert tuple(petals.classes) == CLASSES
    assert len({petals.read(index, 32, "crop").facts.digest for index in range(25)}) == 25


@pytest.mark.slow  # a fit to 900 images of many pixels
def test_a_linear_model_on_pixels_stays_under_sixty_percent() -> None:
    petals = Petals(count=900)
    small = (
        np.stack(
            [
                cv2.resize(reading.pixels, (16, 16), interpolation=cv2.INTER_AREA)
                for reading in (petals.read(index, 32, "crop") for index in range(900))
            ]
        )
        .reshape(900, -1)
        .astype(np.float32)
    )  # twice as fast to fit as float64
    labels = np.array([item.label for item in petals.items])
    best = max(
        make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=200))
        .fit(small[:700], labels[:700])
        .score(small[700:], labels[700:])
        for strength in (1e-4, 1e-3, 1e-2)
    )
    assert 0.2 < best < 0.6
