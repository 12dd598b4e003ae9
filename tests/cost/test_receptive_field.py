"""The field that is followed is the one that gradients find."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import keiryo
from keiryo.cost import weigh
from keiryo.records.costs import ReceptiveField


class Branches(nn.Module):
    """Several ways from input to output, joined by adding or by concatenating."""

    def __init__(self, *ways: nn.Module, join: str = "add") -> None:
        super().__init__()
        self.ways = nn.ModuleList(ways)
        self.join = join

    def forward(self, x: Tensor) -> Tensor:
        outputs = [way(x) for way in self.ways]
        return sum(outputs[1:], outputs[0]) if self.join == "add" else torch.cat(outputs, 1)


def last_field(network: nn.Module, *shape: int) -> ReceptiveField:
    field = weigh(network, shape).layers[-1].receptive_field
    assert field is not None
    return field


def field_by_gradient(network: nn.Module, *shape: int) -> list[tuple[int, int]]:
    """Return first and last input, along each axis, that the middle output depends on."""
    network = network.double().eval()
    for parameter in network.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    source = torch.rand(1, *shape, dtype=torch.float64, requires_grad=True)
    output = network(source)
    middle = tuple(size // 2 for size in output.shape[2:])
    output[(0, slice(None), *middle)].sum().backward()
    seen = source.grad[0].abs().sum(0).nonzero()
    return list(zip(seen.amin(0).tolist(), seen.amax(0).tolist(), strict=True))


def field_of_the_middle(network: nn.Module, *shape: int) -> list[tuple[float, float]]:
    """Return first and last input, along each axis, that the middle output sees."""
    field = last_field(network, *shape)
    with torch.no_grad():
        sizes = network(torch.rand(1, *shape)).shape[2:]
    centres = [
        offset + size // 2 * stride
        for offset, stride, size in zip(field.offset, field.stride, sizes, strict=True)
    ]
    return [
        (centre - (size - 1) / 2, centre + (size - 1) / 2)
        for centre, size in zip(centres, field.size, strict=True)
    ]


def assert_equal_to_gradient(network: nn.Module, *shape: int) -> None:
    followed = field_of_the_middle(network, *shape)
    assert field_by_gradient(network, *shape) == followed


def lies_inside(network: nn.Module, *shape: int) -> bool:
    """Whether the middle sees no padding, where no gradient would tell of it."""
    seen = field_of_the_middle(network, *shape)
    return all(
        0 <= first <= last < length for (first, last), length in zip(seen, shape[1:], strict=True)
    )


@st.composite
def stacks(draw: st.DrawFn, axes: int) -> nn.Module:
    """Draw a stack of convolutions and poolings, some of them in branches."""
    convolution = (nn.Conv1d, nn.Conv2d)[axes - 1]
    average = (nn.AvgPool1d, nn.AvgPool2d)[axes - 1]

    def windowed(stride: int) -> nn.Module:
        kernel, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 2))
        if draw(st.booleans()):
            padding = draw(st.integers(0, kernel // 2))
            return average(kernel, stride=stride, padding=padding)
        return convolution(
            2, 2, kernel, stride=stride, dilation=dilation, padding=dilation * (kernel - 1) // 2
        )

    def same_size() -> nn.Module:
        kernel, dilation = draw(st.sampled_from([1, 3, 5])), draw(st.integers(1, 3))
        return convolution(2, 2, kernel, dilation=dilation, padding=dilation * (kernel - 1) // 2)

    layers: list[nn.Module] = []
    for _ in range(draw(st.integers(1, 5 - axes))):
        kind = draw(st.sampled_from(["window", "stride", "add", "cat"]))
        if kind == "window":
            layers.append(windowed(stride=1))
        elif kind == "stride":
            layers.append(windowed(stride=draw(st.integers(1, 4 - axes))))
        elif kind == "add":
            layers.append(Branches(same_size(), nn.Sequential(same_size(), same_size())))
        else:
            layers.append(Branches(same_size(), same_size(), join="cat"))
            layers.append(convolution(4, 2, 1))
    return nn.Sequential(*layers)


@settings(max_examples=60)
@given(stacks(axes=1))
def test_recordings(network: nn.Module) -> None:
    assume(lies_inside(network, 2, 701))
    assert_equal_to_gradient(network, 2, 701)


@settings(max_examples=40)
@given(stacks(axes=2))
def test_images(network: nn.Module) -> None:
    assume(lies_inside(network, 2, 117, 105))
    assert_equal_to_gradient(network, 2, 117, 105)


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Conv2d(2, 2, (1, 5), stride=(1, 2)), nn.Conv2d(2, 2, (3, 1))),
        nn.Sequential(nn.ZeroPad2d((2, 0, 1, 0)), nn.Conv2d(2, 2, 3)),
        nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.AdaptiveAvgPool2d(10)),
    ],
    ids=["axes differ", "padded on one side", "adaptive"],
)
def test_other_windows(network: nn.Module) -> None:
    assert_equal_to_gradient(network, 2, 40, 40)


@pytest.mark.parametrize("window", [(2, 2, 0), (3, 2, 1), (3, 1, 1)])
def test_a_maximum_sees_what_a_mean_sees(window: tuple[int, int, int]) -> None:
    fields = [
        last_field(nn.Sequential(nn.Conv2d(2, 2, 3, stride=2), pooling(*window)), 2, 30, 30)
        for pooling in (nn.MaxPool2d, nn.AvgPool2d)
    ]
    assert fields[0] == fields[1]


@pytest.mark.parametrize(
    ("network", "size"),
    [
        (nn.ConvTranspose1d(2, 2, 2, stride=2), 1),
        (nn.ConvTranspose1d(2, 2, 3, stride=2, padding=1), 2),
        (nn.ConvTranspose1d(2, 2, 5, stride=1), 5),
        (nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv1d(2, 2, 3, padding=1)), 2),
        (nn.Sequential(nn.Conv1d(2, 2, 3), nn.ConvTranspose1d(2, 2, 4, stride=2)), 4),
    ],
)
def test_the_largest_over_positions_where_outputs_lie_between_inputs(
    network: nn.Module, size: int
) -> None:
    assert last_field(network, 2, 20).size == [size]
    network = network.double()
    for parameter in network.parameters():
        nn.init.ones_(parameter)
    source = torch.rand(1, 2, 20, dtype=torch.float64, requires_grad=True)
    output = network(source)
    spans = []
    for place in range(output.shape[2] // 3, 2 * output.shape[2] // 3):
        (gradient,) = torch.autograd.grad(output[0, 0, place], source, retain_graph=True)
        seen = gradient[0].abs().sum(0).nonzero()
        spans.append(int(seen.max() - seen.min()) + 1)
    assert max(spans) == size


@pytest.mark.parametrize(
    ("model", "size"),
    # Araujo et al. 2019, table 1 (vgg_16, mobilenet_v1).
    [("vgg16", 212), ("mobilenet_v1", 315)],
)
def test_published_fields(model: str, size: int) -> None:
    weighing = weigh(keiryo.build(model, classes=5), (3, 224, 224))
    assert (weighing.receptive_field, weighing.receptive_field_stride) == (size, 32)


def test_norms_do_not_widen_it() -> None:
    sizes = {
        weigh(keiryo.build(f"resnet18:norm={norm}", classes=5), (3, 64, 64)).receptive_field
        for norm in ("batch", "layer", "instance", "group", "none")
    }
    assert len(sizes) == 1


class SqueezeAndExcite(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Conv2d(2, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x.mean((2, 3), keepdim=True)).sigmoid()


def test_a_gate_of_everything_sees_everything() -> None:
    field = last_field(nn.Sequential(nn.Conv2d(2, 2, 3), SqueezeAndExcite()), 2, 12, 9)
    assert (field.size, field.stride) == ([12, 9], [0, 0])


class Tokens(nn.Module):
    """Patches as tokens, a linear layer on each, and back to a map; attention if asked."""

    def __init__(self, *, attends: bool) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.linear = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True) if attends else None
        self.mix = nn.Conv2d(8, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patches(x)
        tokens = self.norm(self.linear(patches.flatten(2).transpose(1, 2)))
        if self.attention is not None:
            tokens = self.attention(tokens, tokens, tokens)[0]
        return self.mix(tokens.transpose(1, 2).unflatten(2, patches.shape[2:]))


def test_tokens_are_followed_there_and_back() -> None:
    assert_equal_to_gradient(Tokens(attends=False), 3, 32, 32)
    assert last_field(Tokens(attends=True), 3, 32, 24).size == [32, 24]


class Rolled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(x).roll(1, 2)


def test_what_cannot_be_followed_is_said() -> None:
    weighing = weigh(Rolled(), (3, 8, 8))
    assert (weighing.receptive_field, weighing.receptive_field_is_upper_bound) == (8, True)
    assert any("roll" in note for note in weighing.notes)


@pytest.mark.parametrize(
    ("network", "shape"),
    [(nn.Linear(4, 2), (4,)), (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (5, 8))],
)
def test_no_field_where_no_window_slides(network: nn.Module, shape: tuple[int, ...]) -> None:
    weighing = weigh(network, shape)
    assert weighing.receptive_field is None
    assert weighing.notes == []


def test_volumes() -> None:
    network = nn.Sequential(nn.Conv3d(1, 2, (1, 3, 3)), nn.MaxPool3d(2), nn.Conv3d(2, 2, 3))
    assert last_field(network, 1, 12, 14, 16).size == [6, 8, 8]


class Skipping(nn.Module):
    """A level of a U-Net: down, inside, up again, joined with what was there before."""

    def __init__(self, down: nn.Module, inside: nn.Module, up: nn.Module) -> None:
        super().__init__()
        self.down, self.inside, self.up = down, inside, up
        self.join = nn.Conv1d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.up(self.inside(self.down(x)))
        length = min(x.shape[2], y.shape[2])
        return self.join(torch.cat([x[..., :length], y[..., :length]], 1))


class PixelShuffle1d(nn.Module):
    def __init__(self, factor: int) -> None:
        super().__init__()
        self.widen = nn.Conv1d(2, 2 * factor * factor, 1)
        self.shuffle = nn.PixelShuffle(factor)

    def forward(self, x: Tensor) -> Tensor:
        return self.shuffle(self.widen(x)[..., None])[..., 0]


@st.composite
def decoders(draw: st.DrawFn, depth: int = 2) -> nn.Module:
    """Draw a network that goes down and up again by the same factor, in every way there is."""
    factor = draw(st.integers(2, 3))
    kernel = draw(st.integers(1, 4))
    scale = float(factor)
    ups = [
        nn.ConvTranspose1d(2, 2, kernel, stride=factor, padding=min(1, kernel // 2)),
        nn.ConvTranspose1d(2, 2, 2, stride=factor, dilation=2),
        nn.Upsample(scale_factor=scale, mode="nearest"),
        nn.Upsample(scale_factor=scale, mode="linear"),
        nn.Upsample(scale_factor=scale, mode="nearest-exact"),
        PixelShuffle1d(factor),
    ]
    downs = [
        nn.Conv1d(2, 2, kernel, stride=factor, padding=kernel // 2),
        nn.AvgPool1d(factor),
        nn.Upsample(scale_factor=1 / scale, mode="nearest"),
    ]
    same = nn.Conv1d(2, 2, 3, padding=1, dilation=1)
    inside: nn.Module = same if depth == 1 or draw(st.booleans()) else draw(decoders(depth - 1))
    down, up = draw(st.sampled_from(downs)), draw(st.sampled_from(ups))
    level = Skipping(down, inside, up) if draw(st.booleans()) else nn.Sequential(down, inside, up)
    return nn.Sequential(nn.Conv1d(2, 2, draw(st.integers(1, 3)), padding=1), level)


def spans_by_gradient(network: nn.Module, length: int) -> set[tuple[int, int]]:
    """Return the first and last input of each output that sees neither end of the input."""
    network = network.double().eval()
    for parameter in network.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    source = torch.rand(1, 2, length, dtype=torch.float64, requires_grad=True)
    output = network(source)
    places = output.shape[2]
    # One example for each output, so that one backward pass gives all gradients.
    copies = source.detach().expand(places, -1, -1).clone().requires_grad_(True)
    network(copies)[torch.arange(places), :, torch.arange(places)].sum().backward()
    found = set()
    for gradient in copies.grad.abs().sum(1):
        seen = gradient.nonzero()
        if len(seen) and seen.min() > 0 and seen.max() < length - 1:
            found.add((int(seen.min()), int(seen.max())))
    return found


@settings(max_examples=40)
@given(decoders())
def test_decoders(network: nn.Module) -> None:
    spans = spans_by_gradient(network, 108)
    assume(spans)
    weighing = weigh(network, (2, 108))
    assert not weighing.receptive_field_is_upper_bound
    assert weighing.receptive_field == max(last - first + 1 for first, last in spans)


@pytest.mark.parametrize(
    ("network", "size"),
    [
        (nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), 2),
        (nn.Upsample(size=15, mode="bicubic"), 4),
        (nn.Upsample(size=7), 1),
        (nn.Sequential(nn.Conv2d(2, 8, 3), nn.PixelShuffle(2), nn.Conv2d(2, 2, 3)), 4),
        (nn.Sequential(nn.Conv2d(2, 2, 3), nn.PixelUnshuffle(2), nn.GLU(1), nn.Conv2d(4, 1, 1)), 4),
        (nn.Sequential(nn.Conv2d(2, 2, 3), nn.ChannelShuffle(2)), 3),
        (nn.Sequential(nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular")), 3),
    ],
)
def test_interpolation_and_shuffles(network: nn.Module, size: int) -> None:
    weighing = weigh(nn.Sequential(nn.Conv2d(2, 2, 1), network), (2, 10, 10))
    assert weighing.receptive_field == size
    assert not weighing.receptive_field_is_upper_bound


class Reversed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + x.flip(2)


def test_positions_whose_distance_varies_are_given_a_bound() -> None:
    weighing = weigh(nn.Sequential(nn.Conv1d(2, 2, 3), Reversed()), (2, 12))
    assert (weighing.receptive_field, weighing.receptive_field_is_upper_bound) == (12, True)


class Written(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = torch.zeros_like(x)
        y[..., 1:] = x[..., :-1]
        return y


def test_a_part_that_is_written_is_given_a_bound() -> None:
    weighing = weigh(nn.Sequential(nn.Conv1d(2, 2, 3), Written()), (2, 12))
    assert (weighing.receptive_field, weighing.receptive_field_is_upper_bound) == (12, True)
