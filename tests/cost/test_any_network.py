"""Whatever small network is built at random: a weighing whose rows sum up, or one plain refusal."""

from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from keiryo.cost import weigh
from keiryo.errors import InputError

sizes = st.integers(1, 6)
STEPS = (
    *("flatten", "transpose", "mean", "value", "write", "gate"),
    *("roll", "spectrum", "error", "complex", "nested"),
)


class Odd(nn.Module):
    """One step that networks take in their forward."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self.step = step

    def forward(self, x: Tensor) -> Any:
        steps: dict[str, Any] = {
            "flatten": lambda: x.flatten(1),
            "transpose": lambda: x.transpose(-1, -2),
            "mean": lambda: x.mean(-1),
            "value": lambda: x * 2 if float(x.sum()) > 0 else x,
            "write": lambda: x.clone().index_fill_(0, torch.tensor([0]), 1.0),
            "gate": lambda: x * x.mean(tuple(range(2, x.dim())), keepdim=True).sigmoid(),
            "roll": lambda: x.roll(1, -1),
            "spectrum": lambda: torch.fft.rfft(x).abs(),
            "error": lambda: x.no_such_thing,
            "complex": lambda: torch.view_as_real(x * 1j).sum(-1),
            "nested": lambda: (x, {"x": x})[1]["x"][:, :1],
        }
        return steps[self.step]()


@st.composite
def layers(draw: st.DrawFn) -> nn.Module:
    kinds: list[Any] = [
        lambda: nn.Linear(draw(sizes), draw(sizes)),
        lambda: nn.Conv1d(draw(sizes), draw(sizes), draw(sizes), stride=draw(sizes)),
        lambda: nn.Conv2d(draw(sizes), draw(sizes), draw(sizes), padding=draw(sizes)),
        lambda: nn.ConvTranspose2d(draw(sizes), draw(sizes), draw(sizes), stride=draw(sizes)),
        lambda: nn.BatchNorm2d(draw(sizes)),
        lambda: nn.LayerNorm(draw(sizes)),
        lambda: nn.GroupNorm(1, draw(sizes)),
        lambda: nn.MaxPool2d(draw(sizes), stride=draw(sizes)),
        lambda: nn.AdaptiveAvgPool2d(draw(sizes)),
        lambda: nn.Upsample(scale_factor=draw(st.sampled_from([0.5, 1.5, 2])), mode="nearest"),
        lambda: nn.Upsample(scale_factor=2, mode=draw(st.sampled_from(["bilinear", "linear"]))),
        lambda: nn.PixelShuffle(draw(sizes)),
        lambda: nn.GRU(draw(sizes), draw(sizes)),
        lambda: nn.Embedding(draw(sizes), draw(sizes)),
        lambda: nn.LazyLinear(draw(sizes)),
        lambda: nn.Conv2d(draw(sizes), draw(sizes), 3, padding=1, padding_mode="circular"),
        nn.ReLU,
        nn.GLU,
        nn.Softmax,
        nn.Dropout,
    ]
    if draw(st.booleans()):
        return draw(st.sampled_from(kinds))()
    return Odd(draw(st.sampled_from(STEPS)))


@settings(max_examples=40)
@given(st.lists(layers(), max_size=4), st.lists(sizes, max_size=4))
def test_weighed_or_refused(parts: list[nn.Module], shape: list[int]) -> None:
    network = nn.Sequential(*parts)
    try:
        weighing = weigh(network, tuple(shape))
    except InputError as refusal:
        lines = str(refusal).splitlines()
    else:
        lines = ["weighed"]
        assert sum(layer.macs for layer in weighing.layers) == weighing.known_macs
        assert sum(layer.parameters for layer in weighing.layers) == weighing.parameters
        assert weighing.peak_activation_bytes >= 0
    assert 1 <= len(lines) <= 2
