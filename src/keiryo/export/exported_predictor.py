"""Predicted labels of new images, from an exported file."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

import keiryo_runtime
from keiryo.errors import InputError
from keiryo.export.fetching import fetch, is_address
from keiryo.export.given_images import AnyImage
from keiryo_runtime import Guess, ModelError, UnreadableImageError

if TYPE_CHECKING:  # which would load torch
    from keiryo.models.saved import SavedModel


class ExportedPredictor(keiryo_runtime.Predictor):
    """The runtime's predictor, called like that of a trained model (`Predictor`).

    It also takes http addresses, and what is wrong is an InputError. Images are read by the
    runtime, as they will be where the file is used.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        try:
            super().__init__(path, threads=threads)
        except ModelError as error:
            raise InputError(str(error)) from None

    @cached_property
    def description(self) -> "SavedModel":
        """The description of the trained model that was exported."""
        from keiryo.models.saved import SavedModel

        return SavedModel.model_validate(self.metadata)

    def read(self, image: AnyImage) -> np.ndarray:
        if isinstance(image, (str, os.PathLike)):
            place = os.fspath(image)
            try:
                image = fetch(place) if is_address(place) else Path(place).expanduser()
            except InputError as error:
                raise UnreadableImageError(str(error)) from None
        return super().read(image)

    @overload
    def predict(self, images: AnyImage) -> list[Guess]: ...

    @overload
    def predict(self, images: Sequence[AnyImage]) -> list[list[Guess]]: ...

    def predict(self, images: Any) -> Any:
        """Return all classes for an image, the most probable first; a list of them for several.

        An array (N, H, W, 3) is N images. Raises InputError that names an image that cannot be
        read.
        """
        try:
            return super().predict(images)
        except UnreadableImageError as error:
            raise InputError(str(error)) from None

    def predict_file(self, path: Any) -> Any:
        """Return what `predict` returns: all classes for the image at `path`, or for several."""
        return self.predict(path)
