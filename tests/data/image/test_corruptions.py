import numpy as np
import pytest

from keiryo.data.image.corruptions import CORRUPTIONS, STRENGTHS, corrupt_images
from keiryo.data.sources.petals import draw_image


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.stack([draw_image(label, size=64, seed=(1, label)) for label in range(5)])


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_each_strength_is_further_from_the_image(kind: str, images: np.ndarray) -> None:
    errors = []
    for strength in range(1, STRENGTHS + 1):
        changed = corrupt_images(images, kind, strength, seed=(0, strength))
        assert (changed.shape, changed.dtype) == (images.shape, np.uint8)
        errors.append(np.abs(changed.astype(int) - images).mean())
    assert 0.5 < errors[0] < errors[1] < errors[2]


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_the_seed_decides_every_bit(kind: str, images: np.ndarray) -> None:
    one = corrupt_images(images, kind, 2, seed=(3, 4))
    np.testing.assert_array_equal(one, corrupt_images(images, kind, 2, seed=(3, 4)))


def test_the_images_given_are_left_alone(images: np.ndarray) -> None:
    before = images.copy()
    for kind in CORRUPTIONS:
        corrupt_images(images, kind, 3, seed=(0,))
    np.testing.assert_array_equal(images, before)


def test_a_shift_moves_as_far_as_it_says() -> None:
    image = np.zeros((1, 100, 100, 3), np.uint8)
    image[0, 48:52, 48:52] = 255
    moved = corrupt_images(image, "shift", 3, seed=(2,))[0, ..., 0].astype(float)
    rows, columns = np.indices(moved.shape)
    center = np.array([(rows * moved).sum(), (columns * moved).sum()]) / moved.sum()
    assert np.hypot(*(center - 49.5)) == pytest.approx(12, abs=0.1)
