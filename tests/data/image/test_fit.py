import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keiryo.data.image.fit import fit_image
from keiryo.records.data import Fit
from keiryo_runtime.geometry import BAR_COLOR

SIDES = st.integers(1, 60)


@given(SIDES, SIDES, st.sampled_from([8, 16, 33]))
def test_crop_keeps_the_middle(height: int, width: int, size: int) -> None:
    pixels = np.zeros((height, width, 3), np.uint8)
    side = min(height, width)
    pixels[(height - side) // 2 :, (width - side) // 2 :][:side, :side] = 200
    fitted = fit_image(pixels, size, "crop")
    assert fitted.shape == (size, size, 3)
    assert (fitted == 200).all()


@given(SIDES, SIDES, st.sampled_from([8, 16, 33]))
def test_letterbox_keeps_everything_between_bars(height: int, width: int, size: int) -> None:
    fitted = fit_image(np.full((height, width, 3), 200, np.uint8), size, "letterbox")
    assert fitted.shape == (size, size, 3)
    is_image = (fitted == 200).all(axis=2)
    assert (fitted[~is_image] == BAR_COLOR).all()
    rows, columns = is_image.any(axis=1).sum(), is_image.any(axis=0).sum()
    assert max(rows, columns) == size
    assert abs(rows - size * height / max(height, width)) <= 1
    assert abs(columns - size * width / max(height, width)) <= 1


def test_stretch_keeps_the_corners() -> None:
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:10, :20] = pixels[30:, 60:] = 255
    fitted = fit_image(pixels, 16, "stretch")
    assert (fitted[0, 0] == 255).all()
    assert (fitted[-1, -1] == 255).all()
    assert (fitted[0, -1] == 0).all()


@pytest.mark.parametrize("fit", ["crop", "letterbox", "stretch"])
@pytest.mark.parametrize("shape", [(90, 70), (300, 411), (64, 64)])
def test_shrinking_takes_means_over_areas(fit: Fit, shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    pixels = cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC)
    noisy = np.clip(pixels + random.normal(0, 40, pixels.shape), 0, 255).astype(np.uint8)
    fitted = fit_image(noisy, 32, fit).astype(float)
    clean = fit_image(pixels, 32, fit).astype(float)
    # Noise of 40 grey levels is averaged away as far as there are pixels to average over.
    shrinkage = min(shape) / 32
    assert np.abs(fitted - clean).mean() < 40 / shrinkage
