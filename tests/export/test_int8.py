"""Classifiers in int8: small, true on every processor, and with the worst layers in float."""

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from keiryo.export.int8 import Int8Quantizer
from keiryo.export.onnx import encode_onnx, open_onnx
from keiryo.export.trained import TrainedNetwork
from keiryo.models.saved import Preprocessing, SavedModel
from keiryo.models.spec import build

DESCRIPTION = SavedModel(
    keiryo_version="0",
    model="of a test",
    classes=["a", "b", "c"],
    preprocessing=Preprocessing(size=32, mean=(0.5, 0.5, 0.0), std=(0.25,) * 3),
)


class Uneven(nn.Module):
    """Two convolutions whose sum is classified; one has huge weights for a channel of zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.even, self.uneven = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
        self.classifier = nn.Linear(4, 3)
        with torch.no_grad():
            # They take the whole range of the integers, so that the other weights become zero.
            self.uneven.weight[:, 2] = 200.0
            self.classifier.weight.mul_(8)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.even(x).mean((2, 3)) + self.uneven(x).mean((2, 3)))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    random = np.random.default_rng(0)
    tint = random.integers(0, 256, (48, 1, 1, 3))
    noise = random.integers(-60, 60, (48, 32, 32, 3))
    images = (tint + noise).clip(0, 255).astype(np.uint8)
    images[..., 2] = 0  # as a channel that a network gets, this is zero too
    return images


def arrays(encoded: bytes) -> list[np.ndarray]:
    return [numpy_helper.to_array(t) for t in onnx.load_from_string(encoded).graph.initializer]


def test_weights_are_of_seven_bits_and_answers_those_of_exact_arithmetic(
    images: np.ndarray,
) -> None:
    torch.manual_seed(0)
    network = build("mobilenet_v2:width=0.35", classes=3).eval()
    with torch.no_grad():
        network.classifier.weight.mul_(20)  # pyright: ignore
    encoded = encode_onnx(network, DESCRIPTION)
    rounded = Int8Quantizer(encoded, images[:32]).quantize()
    onnx.checker.check_model(onnx.load_from_string(rounded))
    integers = [array for array in arrays(rounded) if array.dtype == np.int8]
    assert sum(array.size for array in integers) > 300_000
    assert max(int(np.abs(array.astype(int)).max()) for array in integers) <= 64
    assert len(rounded) < 0.36 * len(encoded)
    expected, found = open_onnx(encoded)(images), open_onnx(rounded)(images)
    assert np.abs(found - open_onnx(rounded, exact=True)(images)).mean() < 0.01
    assert np.abs(found - expected).mean() < 0.05
    assert found.sum(1) == pytest.approx(1.0, abs=1e-5)


def test_the_layer_that_hurts_most_is_left_in_float_first(images: np.ndarray) -> None:
    torch.manual_seed(0)
    network = Uneven().eval()
    trained = TrainedNetwork(network, DESCRIPTION, lambda: images)
    encoded, quantizer = trained.onnx, trained.quantizer
    none, (first,), two = trained.layers_in_float()
    assert not none
    assert "uneven" in first
    assert two[0] == first
    attempts = [quantizer.quantize(layers) for layers in (none, [first])]
    left = arrays(attempts[1])
    weights = network.uneven.weight.detach().numpy()
    assert any(array.shape == weights.shape and array.dtype == np.float32 for array in left)
    expected = open_onnx(encoded)(images)

    def harm(rounded: bytes) -> float:
        return float(np.abs(open_onnx(rounded)(images) - expected).mean())

    assert harm(attempts[1]) < 0.5 * harm(attempts[0])
