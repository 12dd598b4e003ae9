from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from keiryo.data.augmentation.amounts import Augmentation, change_augmentation
from keiryo.data.augmentation.on_device import augment_on_device
from keiryo.data.augmentation.on_processor import augment
from keiryo.data.augmentation.random_amounts import BatchAugmentation, draw_augmentation
from keiryo.errors import InputError

SIZE = 48
EACH = {
    "crop": Augmentation(smallest_area=0.3, largest_aspect=4 / 3),
    "flip": Augmentation(flip=True),
    "brightness": Augmentation(brightness=0.4),
    "contrast": Augmentation(contrast=0.4),
    "saturation": Augmentation(saturation=0.8),
    "hue": Augmentation(hue=40.0),
    "rotation": Augmentation(rotation=45.0),
    "cutout": Augmentation(cutout=0.5),
    "mixup": Augmentation(mixup=0.5),
    "cutmix": Augmentation(cutmix=1.0),
    "operations": Augmentation(random_operations=3, magnitude=1.0),
}
ALL = Augmentation(
    smallest_area=0.3,
    largest_aspect=4 / 3,
    flip=True,
    brightness=0.3,
    contrast=0.3,
    saturation=0.3,
    hue=20.0,
    rotation=30.0,
    cutout=0.3,
    mixup=0.4,
    cutmix=1.0,
    random_operations=3,
    magnitude=0.8,
)
SETTINGS = EACH | {"all": ALL, "nothing": Augmentation()}

augmentations = st.builds(
    Augmentation,
    smallest_area=st.floats(0.05, 1.0),
    largest_aspect=st.floats(1.0, 2.0),
    flip=st.booleans(),
    brightness=st.floats(0.0, 1.0),
    contrast=st.floats(0.0, 1.0),
    saturation=st.floats(0.0, 1.0),
    hue=st.floats(0.0, 180.0),
    rotation=st.floats(0.0, 180.0),
    cutout=st.floats(0.0, 1.0),
    mixup=st.just(0.0) | st.floats(0.1, 2.0),
    cutmix=st.just(0.0) | st.floats(0.1, 2.0),
    random_operations=st.integers(0, 4),
    magnitude=st.floats(0.0, 1.0),
)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Forty images of soft blots, which are smooth as photographs are."""
    noise = np.random.default_rng(0).integers(0, 256, (40, SIZE, SIZE, 3), dtype=np.uint8)
    soft = [cv2.GaussianBlur(image, (0, 0), 2.0).astype(np.float32) for image in noise]
    return ((np.stack(soft) - 128.0) * 4.0 + 128.0).clip(0, 255).astype(np.uint8)


def draw(images: np.ndarray, augmentation: Augmentation, seed: int = 0) -> BatchAugmentation:
    return draw_augmentation(
        len(images), images.shape[1], np.random.default_rng(seed), augmentation
    )


def augment_by(images: np.ndarray, augmentation: Augmentation, seed: int = 0) -> np.ndarray:
    return augment(images, draw(images, augmentation, seed))


@pytest.mark.parametrize("name", SETTINGS)
def test_the_device_draws_what_the_processor_draws(name: str, images: np.ndarray) -> None:
    drawn = draw(images, SETTINGS[name])
    expected = augment(images, drawn)
    result = augment_on_device(torch.from_numpy(images), drawn)
    assert result.dtype == torch.uint8
    assert result.is_contiguous()
    differences = np.abs(expected.astype(np.int16) - result.numpy())
    # What is cropped looks, here, beyond the crop's edge by half a pixel.
    assert differences.mean(axis=(1, 2, 3)).max() < (0.6 if name == "crop" else 0.25)


@pytest.mark.parametrize("name", EACH)
def test_each_setting_changes_images_and_follows_from_the_seed(
    name: str, images: np.ndarray
) -> None:
    first = augment_by(images, EACH[name])
    assert np.any(first != images)
    np.testing.assert_array_equal(augment_by(images, EACH[name]), first)
    assert np.any(augment_by(images, EACH[name], seed=1) != first)


@settings(max_examples=25)
@given(augmentation=augmentations, size=st.integers(1, 20), count=st.integers(1, 12))
def test_any_setting_gives_images_that_threads_do_not_change(
    augmentation: Augmentation, size: int, count: int
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    before = images.copy()
    drawn = draw(images, augmentation)
    one = augment(images, drawn)
    with ThreadPoolExecutor(8) as pool:
        np.testing.assert_array_equal(augment(images, drawn, pool=pool), one)
    assert augment_on_device(torch.from_numpy(images), drawn).shape == one.shape
    np.testing.assert_array_equal(images, before)


def test_an_augmentation_of_nothing_changes_nothing(images: np.ndarray) -> None:
    np.testing.assert_array_equal(augment_by(images, Augmentation()), images)
    np.testing.assert_array_equal(
        augment_by(images, Augmentation(random_operations=3, magnitude=0.0)), images
    )


def test_a_flip_alone_mirrors_about_half_of_the_images(images: np.ndarray) -> None:
    result = augment_by(images, Augmentation(flip=True))
    mirrored = [np.array_equal(new, old[:, ::-1]) for new, old in zip(result, images, strict=True)]
    kept = [np.array_equal(new, old) for new, old in zip(result, images, strict=True)]
    assert all(np.logical_xor(mirrored, kept))
    assert 10 < sum(mirrored) < 30


def test_a_crop_is_the_resized_part_that_its_warp_says(images: np.ndarray) -> None:
    drawn = draw(images, Augmentation(smallest_area=0.3, flip=True))
    warped = np.stack(
        [
            cv2.warpAffine(image, warp, (SIZE, SIZE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
            for image, warp in zip(images, drawn.warps, strict=True)
        ]
    )
    inside = np.s_[:, 2:-2, 2:-2]
    differences = np.abs(augment(images, drawn)[inside].astype(np.int16) - warped[inside])
    assert differences.max() <= 2


def test_a_quarter_turn_moves_every_pixel_to_its_place(images: np.ndarray) -> None:
    turned = np.array([[0.0, -1.0, SIZE - 1.0], [1.0, 0.0, 0.0]])
    drawn = replace(
        draw(images, Augmentation()), warps=np.broadcast_to(turned, (len(images), 2, 3))
    )
    expected = np.rot90(images, axes=(1, 2))
    np.testing.assert_array_equal(augment(images, drawn), expected)
    on_device = augment_on_device(torch.from_numpy(images), drawn)
    np.testing.assert_array_equal(on_device.numpy(), expected)


def test_colours_move_by_no_more_than_they_may() -> None:
    flat = np.full((40, 8, 8, 3), 100, np.uint8)
    means = augment_by(flat, Augmentation(brightness=0.2)).mean(axis=(1, 2, 3))
    assert means.min() >= 79
    assert means.max() <= 121
    assert means.std() > 3


def test_a_hue_keeps_luma_and_gray() -> None:
    flat = np.full((40, 4, 4, 3), (120, 90, 140), np.uint8)
    turned = augment_by(flat, Augmentation(hue=60.0))
    luma = np.array((0.299, 0.587, 0.114))
    np.testing.assert_allclose(turned @ luma, flat @ luma, atol=1.0)
    assert turned.std(axis=0).max() > 5
    gray = np.full((40, 4, 4, 3), 77, np.uint8)
    np.testing.assert_allclose(augment_by(gray, Augmentation(hue=60.0)), gray, atol=1)


def test_a_cutout_blanks_a_square_and_nothing_else() -> None:
    white = np.full((60, 20, 20, 3), 255, np.uint8)
    result = augment_by(white, Augmentation(cutout=0.5))
    blank = (result == 128).all(axis=3)
    assert np.all(blank | (result == 255).all(axis=3))
    assert blank.sum(axis=(1, 2)).max() == 100
    # Half of the square, either way, may lie beyond the border.
    assert blank.sum(axis=(1, 2)).min() >= 25


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_weights_are_what_is_left_of_a_image(name: str) -> None:
    shades = np.arange(1, 31, dtype=np.uint8)[:, None, None, None] * np.full(
        (1, SIZE, SIZE, 3), 8, np.uint8
    )
    drawn = draw(shades, EACH[name])
    mixing = drawn.mixing
    assert mixing is not None
    assert sorted(mixing.partners) == list(range(30))
    assert np.all(mixing.partners != np.arange(30))
    assert mixing.weights.dtype == np.float32
    own = shades[:, 0, 0, 0].astype(float)
    expected = mixing.weights * own + (1 - mixing.weights) * own[mixing.partners]
    np.testing.assert_allclose(augment(shades, drawn).mean(axis=(1, 2, 3)), expected, atol=0.5)


def test_with_both_ways_of_mixing_each_image_takes_one(images: np.ndarray) -> None:
    mixing = draw(images, Augmentation(mixup=1.0, cutmix=1.0)).mixing
    assert mixing is not None
    assert 10 < np.sum(mixing.opacities == 1.0) < 30


def test_one_image_is_not_mixed(images: np.ndarray) -> None:
    assert draw(images[:1], Augmentation(mixup=1.0, cutmix=1.0)).mixing is None


def test_one_operation_moves_recolors_or_replaces() -> None:
    def changes(operations: int) -> np.ndarray:
        augmentation = Augmentation(random_operations=operations, magnitude=0.7)
        drawn = draw_augmentation(300, 32, np.random.default_rng(0), augmentation)
        return np.stack((drawn.have_warp(), drawn.have_colors(), drawn.have_table()))

    one = changes(1)
    assert one.sum(axis=0).max() == 1
    # Five operations of eleven move, three recolor, two replace; one does nothing.
    np.testing.assert_allclose(one.mean(axis=1), (5 / 11, 3 / 11, 2 / 11), atol=0.08)
    assert changes(4).sum(axis=0).max() == 3


def test_an_augmentation_is_changed_by_what_is_given() -> None:
    base = Augmentation(flip=True, brightness=0.2)
    changed = change_augmentation(base, "rotation=15,flip=0,random_operations=2,magnitude=0.5")
    assert changed == Augmentation(
        brightness=0.2, rotation=15.0, random_operations=2, magnitude=0.5
    )
    assert change_augmentation(base, "none") == Augmentation()


@pytest.mark.parametrize(
    "changes",
    ["", "spin=3", "rotation", "rotation=", "rotation=far", "rotation=nan", "cutout=2",
     "flip=0.5", "random_operations=1.5", "mixup=-1", "rotation=5,,flip=1"],
)  # fmt: skip
def test_what_is_no_augmentation_is_refused_by_name(changes: str) -> None:
    with pytest.raises(InputError, match="--augment"):
        change_augmentation(Augmentation(), changes)
