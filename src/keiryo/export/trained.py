"""A trained network on its way to other runtimes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import nn

from keiryo.export.int8 import Int8Quantizer
from keiryo.export.onnx import encode_onnx
from keiryo.models.saved import SavedModel

# The numbers of layers that a rounded model leaves in float, one attempt after the other.
LAYERS_IN_FLOAT = (1, 2, 4, 8, 16)


@dataclass
class TrainedNetwork:
    """A trained network in evaluation mode, and what several targets make of it, made once.

    `read_calibration` returns training images (N, size, size, 3), uint8.
    """

    network: nn.Module
    description: SavedModel
    read_calibration: Callable[[], np.ndarray]

    @cached_property
    def onnx(self) -> bytes:
        """The network as an ONNX model, its preprocessing inside."""
        return encode_onnx(self.network, self.description)

    @cached_property
    def calibration_images(self) -> np.ndarray:
        """Training images (N, size, size, 3), uint8, to calibrate integers on."""
        return self.read_calibration()

    @cached_property
    def quantizer(self) -> Int8Quantizer:
        """The quantiser of the ONNX model."""
        return Int8Quantizer(self.onnx, self.calibration_images)

    def layers_in_float(self) -> Iterator[Sequence[str]]:
        """Yield ever more layers of the ONNX model to leave in float, those that hurt most first.

        None come first. Finding out which hurt takes a minute.
        """
        yield ()
        layers = len(self.quantizer.layers)
        for count in (count for count in LAYERS_IN_FLOAT if count < layers):
            yield self._layers_by_harm[:count]

    @cached_property
    def _layers_by_harm(self) -> list[str]:
        return self.quantizer.rank_layers()
