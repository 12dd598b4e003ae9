"""Predicted labels of new images, from a trained model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch

from keiryo.data.image.fit import fit_image
from keiryo.errors import InputError
from keiryo.export.given_images import AnyImage, is_single, name_of, read_pixels
from keiryo.models.saved import channels_last, load_model, normalize
from keiryo_runtime import Guess


class Predictor:
    """A trained model that labels images, with the preprocessing of its training.

    An image is a path or an http address (text or Path), the bytes of a file, an array (H, W, 3) of
    RGB or (H, W) of grey values in uint8, or a Pillow image. A large JPEG file is decoded at a
    half, a quarter or an eighth of its size, as in the training. The same image decoded whole, as
    an array or a Pillow image, therefore has slightly other probabilities: they differ by a few
    thousandths.
    """

    def __init__(self, path: Path, *, source: Path | None = None) -> None:
        self._network, self.description = load_model(path, source=source)
        self._network = channels_last(self._network)

    @property
    def classes(self) -> list[str]:
        return self.description.classes

    @overload
    def predict(self, images: AnyImage) -> list[Guess]: ...

    @overload
    def predict(self, images: Sequence[AnyImage]) -> list[list[Guess]]: ...

    def predict(self, images: Any) -> list[Guess] | list[list[Guess]]:
        """Return all classes for an image, the most probable first; a list of them for several.

        An array (N, H, W, 3) is N images. Raises InputError that names an image that cannot be
        read.
        """
        if is_single(images):
            return self._predict([images])[0]
        return self._predict(list(images))

    @overload
    def predict_file(self, path: AnyImage) -> list[Guess]: ...

    @overload
    def predict_file(self, path: Sequence[AnyImage]) -> list[list[Guess]]: ...

    def predict_file(self, path: Any) -> list[Guess] | list[list[Guess]]:
        """Return what `predict` returns: all classes for the image at `path`, or for several."""
        return self.predict(path)

    def _predict(self, images: Sequence[AnyImage]) -> list[list[Guess]]:
        if not images:
            return []
        preprocessing = self.description.preprocessing
        size = preprocessing.size
        squares: list[np.ndarray] = []
        for number, image in enumerate(images):
            try:
                squares.append(fit_image(read_pixels(image, size), size, preprocessing.fit))
            except InputError as error:
                raise InputError(f"{name_of(image, number)}: {error}") from None
        inputs = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2)
        with torch.inference_mode():
            probabilities = self._network(normalize(inputs, preprocessing)).softmax(1)
        return [
            sorted(
                (Guess(*pair) for pair in zip(self.classes, row.tolist(), strict=True)),
                key=lambda guess: -guess.probability,
            )
            for row in probabilities
        ]
