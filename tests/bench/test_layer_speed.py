from typing import get_args

import torch
from torch import nn

from keiryo.bench.training_layers import measure_training_layers
from keiryo.nn.norm_activation import FusedSequential
from keiryo.records.costs import DeviceProfile, OperatorKind

MACS_PER_SECOND = 1e9
BYTES_PER_SECOND = 1e9


def test_layers_come_in_their_order_with_the_least_that_they_must_take() -> None:
    network = nn.Sequential(
        FusedSequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU6(inplace=True)),
        FusedSequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.BatchNorm2d(8)),
        nn.Conv2d(8, 4, 1),
        nn.ReLU(),
    )
    inputs = torch.randn(2, 3, 6, 6).to(memory_format=torch.channels_last)
    profile = DeviceProfile(
        processor="any",
        device="cpu",
        threads=1,
        torch=torch.__version__,
        macs_per_second=MACS_PER_SECOND,
        bandwidths=[(1024, BYTES_PER_SECOND), (2**30, BYTES_PER_SECOND)],
        call_seconds=dict.fromkeys(get_args(OperatorKind), 0.0),
    )
    layers = measure_training_layers(network, inputs, profile)
    assert [layer.kind for layer in layers] == [
        "convolution",
        "BatchNorm2d and ReLU6",
        "depthwise convolution",
        "BatchNorm2d",
        "pointwise convolution",
        "ReLU",
    ]
    assert [layer.layer for layer in layers] == ["0.0", "0.1", "1.0", "1.1", "2", "3"]
    first, norm = layers[:2]
    # Of two images, 36 pixels each: forward and for the weights, not for the image itself.
    assert first.arithmetic_ms == 1000 * 2 * (2 * 36 * 27 * 8) / MACS_PER_SECOND
    assert norm.arithmetic_ms == 0
    # Input twice, output, and both gradients; scale, shift, and what comes of them.
    numbers = 5 * 2 * 36 * 8 + 3 * 16
    assert abs(norm.memory_ms - 1000 * 4 * numbers / BYTES_PER_SECOND) < 1e-9
    assert all(layer.forward_ms > 0 for layer in layers)
