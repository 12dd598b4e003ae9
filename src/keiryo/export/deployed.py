"""The module that is exported: a trained network with its preprocessing and its softmax."""

import torch
from torch import Tensor, nn

from keiryo.models.saved import PIXEL_MAXIMUM, Preprocessing


class ImageClassifier(nn.Module):
    """A network that takes images as they are decoded, and gives probabilities.

    The input is (N, size, size, 3), uint8, RGB, already fitted to a square. The output is
    (N, classes), float32.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, network: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.network = network
        std = torch.tensor(preprocessing.std).view(1, 3, 1, 1)
        mean = torch.tensor(preprocessing.mean).view(1, 3, 1, 1)
        self.register_buffer("scale", 1 / (PIXEL_MAXIMUM * std))
        self.register_buffer("shift", mean / std)

    def forward(self, images: Tensor) -> Tensor:
        """Return the probabilities of `images`."""
        inputs = images.permute(0, 3, 1, 2).float() * self.scale - self.shift
        return self.network(inputs).softmax(1)
