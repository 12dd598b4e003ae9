"""Class activation maps by gradients.

At each place of a feature map, the values of the channels are multiplied by the gradient of the
class's score with respect to them and summed; negative sums are set to zero. This is HiResCAM
(Draelos & Carin 2020, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional
neural networks"). On the last feature map, of a network whose classifier is linear on the means
over the places, it is the same as Grad-CAM (Selvaraju et al. 2017, "Grad-CAM: Visual explanations
from deep networks via gradient-based localization"), which takes the mean gradient of each channel,
and, up to a factor, as the class activation map (Zhou et al. 2016, "Learning deep features for
discriminative localization").

The last feature map of a small image has few places, each of which sees the whole image, and then
says nothing of where: an earlier one is taken. docs/prediction.md has the measurement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from keiryo.data.image.fit import fit_image
from keiryo.errors import InputError
from keiryo.explanation.feature_maps import FeatureMaps
from keiryo.models.saved import channels_last, find_model_file, load_model, normalize
from keiryo.models.users_module import users_forward

# A classifier may be a little attention over the feature map; a transformer is not explained by the
# feature map of its first layer.
MOST_TOKEN_LAYERS = 4
LEAST_SIDE = 7  # that of the last feature map of the usual networks at 224 pixels


@dataclass(frozen=True)
class HeatMap:
    """The evidence for a class at each place of a feature map, and the class's probability.

    `values` (height, width) are from 0 to 1, relative to the strongest place; all are 0 if no place
    speaks for the class.
    """

    label: str
    probability: float
    values: np.ndarray


class Explainer:
    """Draws up heat maps of a trained model: a trial's folder, a comparison's, or its file.

    `source` is the FILE.py of a user's own network, if it is not where it was. Raises InputError if
    the network has no feature map that its classes are computed from.
    """

    def __init__(self, artifact: Path, *, source: Path | None = None) -> None:
        network, self._description = load_model(find_model_file(artifact), source=source)
        self._network = channels_last(network)
        size = self._description.preprocessing.size
        self._run(np.zeros((size, size, 3), np.uint8))

    @property
    def classes(self) -> list[str]:
        return self._description.classes

    @property
    def size(self) -> int:
        """The side of the square images that the network takes, in pixels."""
        return self._description.preprocessing.size

    def explain(self, pixels: np.ndarray, labels: Sequence[str]) -> list[HeatMap]:
        """Return a heat map of the image (H, W, 3), uint8, for each of the `labels`.

        The heat map is that of the image as the network gets it, fitted to its square.
        """
        preprocessing = self._description.preprocessing
        square = fit_image(pixels, preprocessing.size, preprocessing.fit)
        scores, maps = self._run(square)
        probabilities = scores.detach().softmax(0)
        found: list[HeatMap] = []
        for label in labels:
            place = self.classes.index(label)
            values = _activation_map(scores[place], maps)
            found.append(HeatMap(label, float(probabilities[place]), values))
        return found

    def show(self, pixels: np.ndarray, side: int) -> np.ndarray:
        """Return what the network sees of the image (H, W, 3), at (side, side, 3)."""
        return fit_image(pixels, side, self._description.preprocessing.fit)

    def _run(self, square: np.ndarray) -> tuple[Tensor, list[Tensor]]:
        """Return the scores (classes,) of a square image, and the feature maps, (1, C, H, W)."""
        inputs = torch.from_numpy(square).permute(2, 0, 1)[None]
        model = self._description.model
        with users_forward(model), torch.enable_grad(), FeatureMaps() as feature_maps:
            # So that everything has a gradient, whatever the user froze.
            images = normalize(inputs, self._description.preprocessing).requires_grad_()
            scores = self._network(images)[0]
        if not feature_maps.found or feature_maps.token_layers > MOST_TOKEN_LAYERS:
            reason = (
                "has no feature map with places in the image"
                if not feature_maps.found
                else "computes its classes from tokens, not from a feature map with places"
            )
            raise InputError(f"--explain: {model} {reason}; leave it out")
        return scores, feature_maps.found


def _activation_map(score: Tensor, maps: Sequence[Tensor]) -> np.ndarray:
    """Return the heat map (H, W), from 0 to 1, of a class's score.

    It is by the last of the feature maps with enough places, of those that the score depends on.
    """
    most = max(min(one.shape[2:]) for one in maps)
    for feature_map in reversed(maps):
        if min(feature_map.shape[2:]) < min(LEAST_SIDE, most):
            continue
        (gradient,) = torch.autograd.grad(score, feature_map, retain_graph=True, allow_unused=True)
        if gradient is None:  # a branch that leads nowhere
            continue
        heat = (gradient * feature_map).sum(1)[0].detach().relu().double()
        largest = heat.max()
        return (heat / largest if largest > 0 else heat).numpy()
    return np.zeros(tuple(maps[-1].shape[2:]))
