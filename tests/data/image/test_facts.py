"""What is seen of one picture."""

import cv2
import numpy as np
import pytest

from keiryo.data.image.facts import facts_of_pixels
from keiryo.data.sources.petals import draw_picture

WAYS = {
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
}
PICTURES = 25


def grainy(side: int, seed: int) -> np.ndarray:
    """Return a picture (side, side, 3), uint8, with detail down to the pixel, as a photograph."""
    picture = draw_picture(seed % 5, size=side, seed=(0, seed)).astype(np.float32)
    random = np.random.default_rng(seed)
    grain = random.normal(0.0, 1.0, (side, side, 1)).astype(np.float32)
    return np.clip(picture + 8.0 * grain, 0, 255).astype(np.uint8)


def median_detail(pictures: list[np.ndarray]) -> float:
    return float(np.median([facts_of_pixels(picture).detail for picture in pictures]))


def test_pictures_as_they_were_taken_show_all_that_fits_into_them() -> None:
    assert median_detail([grainy(128, seed) for seed in range(PICTURES)]) == 128
    assert median_detail([grainy(300, seed) for seed in range(PICTURES)]) == 128


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("side", [32, 64])
def test_enlarged_pictures_show_what_they_did_before(way: str, side: int) -> None:
    enlarged = [
        cv2.resize(grainy(side, seed), (128, 128), interpolation=WAYS[way])
        for seed in range(PICTURES)
    ]
    assert median_detail(enlarged) == side
    saved = [
        cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1] for picture in enlarged
    ]
    assert median_detail([cv2.imdecode(data, cv2.IMREAD_COLOR) for data in saved]) == side


def test_flat_pictures_show_all_there_is() -> None:
    assert facts_of_pixels(np.full((128, 128, 3), 90, np.uint8)).detail == 128
