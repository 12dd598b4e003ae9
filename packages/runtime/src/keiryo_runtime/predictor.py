"""Predictions of an exported classifier."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from keiryo_runtime.decoding import UnreadableImageError, decode_image, to_pixels
from keiryo_runtime.engines import ModelError, open_model
from keiryo_runtime.fitting import fit_image
from keiryo_runtime.geometry import Fit

FORMAT_VERSION = 1

# Text or bytes are one image, not many.
SINGLE = (str, os.PathLike, bytes, bytearray, memoryview, Image.Image)
AnyImage = str | os.PathLike[str] | bytes | np.ndarray | Image.Image


@dataclass(frozen=True)
class Guess:
    """A class and the probability that the model gives it."""

    label: str
    probability: float


class Predictor:
    """A classifier that `keiryo export` wrote, run by the engine of its kind of file.

    `classes` are its labels, and `metadata` is what keiryo wrote into the file.
    `path` is the file, or the folder that holds it. `threads` is the number of processor threads.
    Raises ModelError if the file is missing, damaged or no such model, or if its engine is not
    installed.
    """

    def __init__(self, path: str | os.PathLike[str], *, threads: int = 1) -> None:
        place = Path(path)
        self._run, self.metadata = open_model(place, threads)
        try:
            version = int(self.metadata["format_version"])
            preprocessing = self.metadata["preprocessing"]
            self.classes = [str(label) for label in self.metadata["classes"]]
            self.size = int(preprocessing["size"])
            self.fit: Fit = cast("Fit", preprocessing["fit"])
        except (KeyError, TypeError, ValueError):
            raise ModelError(f"{place}: a model, but not one that keiryo exported") from None
        if version > FORMAT_VERSION:
            raise ModelError(f"{place}: of a newer version; pip install -U keiryo-runtime")

    def read(self, image: AnyImage) -> np.ndarray:
        """Return an image as the model takes it: (size, size, 3), uint8.

        `image` is a path, the bytes of a file, an array (H, W, 3) in RGB or (H, W) in grey, uint8,
        or a Pillow image. Raises UnreadableImageError.
        """
        return fit_image(_pixels(image, self.size), self.size, self.fit)

    def probabilities(self, squares: np.ndarray) -> np.ndarray:
        """Return the probabilities (N, classes) of images from `read`, stacked to N of them."""
        return self._run(squares)

    def predict(self, images: AnyImage | Sequence[AnyImage]) -> Any:
        """Return all classes for an image, the most probable first; a list of them for several.

        Several are a list of images, or an array (N, H, W, 3). Raises UnreadableImageError that
        names an image that cannot be read.
        """
        if isinstance(images, SINGLE) or (isinstance(images, np.ndarray) and images.ndim in (2, 3)):
            return self._predict([images])[0]
        return self._predict(list(images))

    def _predict(self, images: Sequence[Any]) -> list[list[Guess]]:
        squares: list[np.ndarray] = []
        for number, image in enumerate(images):
            try:
                squares.append(self.read(image))
            except UnreadableImageError as error:
                is_path = isinstance(image, (str, os.PathLike))
                name = os.fspath(image) if is_path else f"image {number}"
                raise UnreadableImageError(f"{name}: {error}") from None
        if not squares:
            return []
        return [self._guesses(row) for row in self.probabilities(np.stack(squares))]

    def _guesses(self, row: np.ndarray) -> list[Guess]:
        guesses = [Guess(*pair) for pair in zip(self.classes, row.tolist(), strict=True)]
        return sorted(guesses, key=lambda guess: -guess.probability)


def load(path: str | os.PathLike[str], *, threads: int = 1) -> Predictor:
    """Return the predictor of the model in the file `path`. Raises ModelError."""
    return Predictor(path, threads=threads)


def _pixels(image: AnyImage, size: int) -> np.ndarray:
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8:
            raise UnreadableImageError(f"an array of {image.dtype}; give uint8, from 0 to 255")
        if image.ndim == 2:
            image = np.repeat(image[..., None], 3, axis=2)
        if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            shape = " x ".join(map(str, image.shape))
            raise UnreadableImageError(f"an array of {shape}; give height x width x 3, RGB")
        return image
    if isinstance(image, Image.Image):
        return to_pixels(image)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return decode_image(bytes(image), size)
    try:
        data = Path(image).read_bytes()
    except OSError as error:
        raise UnreadableImageError(f"cannot be opened: {error.strerror}") from None
    return decode_image(data, size)
