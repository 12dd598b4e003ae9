"""Predicted labels of new images, from a trained model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from keiryo.data.image.fit import fit_image, read_for_size
from keiryo.errors import InputError
from keiryo.models.saved import MODEL_FILE, channels_last, load_model, normalize


@dataclass(frozen=True)
class Guess:
    """A class and the probability that the model gives it."""

    label: str
    probability: float


class Predictor:
    """A trained model that labels images, with the preprocessing of its training."""

    def __init__(self, path: Path) -> None:
        self._network, self.description = load_model(path)
        self._network = channels_last(self._network)

    @property
    def classes(self) -> list[str]:
        return self.description.classes

    def predict_file(self, path: Path) -> list[Guess]:
        """Return all classes for the image at `path`, the most probable first.

        Raises UnreadableImageError if the file cannot be read as an image.
        """
        image = read_for_size(path, self.description.preprocessing.size)
        return self.predict([image.pixels])[0]

    def predict(self, images: Sequence[np.ndarray]) -> list[list[Guess]]:
        """Return, for each RGB image (H, W, 3), uint8, all classes, the most probable first."""
        preprocessing = self.description.preprocessing
        squares = np.stack(
            [fit_image(pixels, preprocessing.size, preprocessing.fit) for pixels in images]
        )
        inputs = torch.from_numpy(squares).permute(0, 3, 1, 2)
        with torch.inference_mode():
            probabilities = self._network(normalize(inputs, preprocessing)).softmax(1)
        return [
            sorted(
                (Guess(*pair) for pair in zip(self.classes, row.tolist(), strict=True)),
                key=lambda guess: -guess.probability,
            )
            for row in probabilities
        ]


def load(artifact: str | Path) -> Predictor:
    """Return the predictor of a trial's folder, or of the model file in it.

    Raises InputError if there is no trained model.
    """
    path = Path(artifact)
    if path.is_dir():
        path = path / MODEL_FILE
        if not path.exists():
            raise InputError(
                f"{artifact}: holds no {MODEL_FILE}; give the folder of a finished trial, "
                "such as OUT/trials/NAME"
            )
    return Predictor(path)
