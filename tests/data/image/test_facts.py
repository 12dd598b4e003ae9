"""What is seen of one image."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from keiryo.data.image.facts import facts_of_pixels
from keiryo.data.locate import locate
from keiryo.data.sources.petals import draw_image

WAYS = {
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
}
IMAGES = 25


def grainy(side: int, seed: int) -> np.ndarray:
    """Return an image (side, side, 3), uint8, with detail down to the pixel, as a photograph."""
    image = draw_image(seed % 5, size=side, seed=(0, seed)).astype(np.float32)
    random = np.random.default_rng(seed)
    grain = random.normal(0.0, 1.0, (side, side, 1)).astype(np.float32)
    return np.clip(image + 8.0 * grain, 0, 255).astype(np.uint8)


def median_detail(images: list[np.ndarray]) -> float:
    return float(np.median([facts_of_pixels(image).detail for image in images]))


def test_images_as_they_were_taken_show_all_that_fits_into_them() -> None:
    assert median_detail([grainy(128, seed) for seed in range(IMAGES)]) == 128
    assert median_detail([grainy(300, seed) for seed in range(IMAGES)]) == 128


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("side", [32, 64])
def test_enlarged_images_show_what_they_did_before(way: str, side: int) -> None:
    enlarged = [
        cv2.resize(grainy(side, seed), (128, 128), interpolation=WAYS[way])
        for seed in range(IMAGES)
    ]
    assert median_detail(enlarged) == side
    saved = [cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1] for image in enlarged]
    assert median_detail([cv2.imdecode(data, cv2.IMREAD_COLOR) for data in saved]) == side


def test_flat_images_show_all_there_is() -> None:
    assert facts_of_pixels(np.full((128, 128, 3), 90, np.uint8)).detail == 128


def test_an_image_has_the_same_content_at_every_size(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (1600, 1600, 3), np.uint8)
    for name in ("a/x.jpg", "b/x.jpg"):
        (tmp_path / name).parent.mkdir()
        Image.fromarray(pixels).save(tmp_path / name)
    folder = locate(str(tmp_path))
    contents = {
        locate(data).read(0, size, "crop").facts.content
        for data in (str(tmp_path), "petals")
        for size in (64, 300)
    }
    assert len(contents) == 2  # that of the file, and that of the flower
    small, large = (folder.read(0, size, "crop").facts for size in (64, 1000))
    assert small.scale != large.scale
    assert small.content == large.content
