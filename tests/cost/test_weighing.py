import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

import keiryo
from conftest import slow_if
from keiryo.cost import CONVENTION, weigh
from keiryo.models.spec import FACTORIES
from keiryo.records.costs import Weighing

NORMS = ("batch", "layer", "instance", "group", "none")
# These repeat the layers of another network.
DEEPER_TWINS = (
    *("densenet169", "densenet201", "mobilenet_v3_large"),
    *("mobilenet_v4_conv_medium", "efficientnet_lite0"),
)
# The other families show that norms of every kind are counted.
BY_ONE_NORM = ("mobilenet_v3_small", "mobilenet_v4_conv_small", "efficientnet_b0", "shufflenet_v2")


class Functional(nn.Module):
    """Works without submodules, and uses one weight twice."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 4))

    def forward(self, x: Tensor) -> Tensor:
        once = functional.linear(x.flatten(1), self.weight)
        return once + functional.linear(x.flatten(1), self.weight)


def assert_rows_sum_to_totals(weighing: Weighing) -> None:
    assert sum(layer.parameters for layer in weighing.layers) == weighing.parameters
    assert sum(layer.macs for layer in weighing.layers) == weighing.known_macs
    assert sum(layer.elements for layer in weighing.layers) == weighing.elements
    assert sum(layer.activation_bytes for layer in weighing.layers) == weighing.activation_bytes
    names = [layer.name for layer in weighing.layers]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("model", "norm"),
    [
        slow_if(model in DEEPER_TWINS or (model in BY_ONE_NORM and norm != "batch"), model, norm)
        for model, norm in itertools.product(FACTORIES, NORMS)
    ],
)
def test_every_family_equals_torchs_own_count(model: str, norm: str) -> None:
    with torch.device("meta"):
        network = keiryo.build(f"{model}:norm={norm}", classes=7).eval()
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            network(torch.empty(1, 3, 64, 64))
    weighing = weigh(network, (3, 64, 64))
    assert weighing.macs == counter.get_total_flops() // 2
    assert weighing.unknown_operators == []
    assert all(layer.difference is None for layer in weighing.layers)
    assert_rows_sum_to_totals(weighing)


def test_functional_calls_and_reuse_count_as_they_happen() -> None:
    weighing = weigh(Functional(), (1, 2, 2))
    assert weighing.parameters == 20
    assert weighing.macs == 2 * 20
    assert_rows_sum_to_totals(weighing)


class Reused(nn.Module):
    """One layer three times, twice with the same shape of input."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.layer(self.layer(x))[..., ::2])


def test_a_reused_layer_is_counted_for_every_call_and_its_parameters_once() -> None:
    weighing = weigh(Reused(), (2, 4, 4))
    assert [(layer.name, layer.calls) for layer in weighing.layers] == [
        ("layer", 2),
        ("layer#2", 1),
    ]
    assert weighing.macs == (16 + 16 + 8) * 9 * 4
    assert weighing.parameters == 2 * 2 * 9 + 2
    assert all(layer.formula_macs == layer.macs for layer in weighing.layers)
    assert_rows_sum_to_totals(weighing)


class Deciding(nn.Module):
    """Goes another way for wide inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow, self.wide = nn.Linear(4, 1), nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.wide(x) if x.shape[-1] > 4 else self.narrow(x)


def test_control_flow_and_layers_that_are_not_run() -> None:
    weighing = weigh(Deciding(), (8,))
    assert weighing.macs == 8
    (idle,) = [layer for layer in weighing.layers if layer.calls == 0]
    assert (idle.name, idle.parameters, idle.macs) == ("narrow.parameters", 5, 0)
    assert_rows_sum_to_totals(weighing)


def test_parents_are_not_counted_beside_their_children() -> None:
    inner = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3)))
    assert weigh(nn.Sequential(inner), (3,)).macs == 18


def test_a_forward_called_by_its_name_is_seen() -> None:
    class ByName(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer.forward(x)

    (layer,) = weigh(ByName(), (3,)).layers
    assert (layer.name, layer.macs) == ("layer", 6)


def test_functional_convolutions_with_and_without_a_batch() -> None:
    class Convolving(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            once = functional.conv2d(x, torch.ones(2, 3, 3, 3), padding=1)
            same = functional.conv2d(x, torch.ones(2, 3, 3, 3), padding="same")
            return once + same + functional.conv2d(x[0], torch.ones(2, 3, 3, 3), None, 1, 1)

    assert weigh(Convolving(), (3, 4, 5)).macs == 3 * 20 * 2 * 27


def test_a_forward_may_catch_what_a_layer_raises() -> None:
    class Trying(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            try:
                return self.first(x)
            except RuntimeError:
                return self.second(x)

    weighing = weigh(Trying(), (4,))
    assert [(layer.name, layer.macs) for layer in weighing.layers if layer.calls] == [("second", 8)]


def test_inference_mode_hides_nothing() -> None:
    class Inferring(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(1, 2, 3)

        @torch.inference_mode()
        def forward(self, x: Tensor) -> Tensor:
            return functional.linear(self.layer(x).flatten(1), torch.ones(3, 8))

    assert weigh(Inferring(), (1, 4, 4)).macs == 4 * 9 * 2 + 24
    with torch.inference_mode():
        assert weigh(Inferring(), (1, 4, 4)).macs == 4 * 9 * 2 + 24


def test_running_statistics_are_state_but_no_parameters() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    weighing = weigh(network, (3, 8, 8))
    assert weighing.parameters == 3 * 9 * 8 + 8 + 16
    assert weighing.state_elements == weighing.parameters + 16
    assert weighing.size_bytes == 4 * weighing.state_elements


def test_weighing_leaves_the_network_as_it_was() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout()).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    attributes = {name: set(vars(module)) for name, module in network.named_modules()}
    weigh(network, (3, 6, 6))
    assert network.training
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert attributes == {name: set(vars(module)) for name, module in network.named_modules()}


def test_a_module_that_keeps_what_it_saw_keeps_nothing_of_the_weighing() -> None:
    class Caching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 2)
            self.seen: list[Tensor] = []
            self.last: dict[str, Tensor] = {"output": self.layer(torch.ones(1, 2))}

        def forward(self, x: Tensor) -> Tensor:
            self.seen.append(x)
            self.last["output"] = self.layer(x)
            return self.last["output"]

    network = Caching()
    assert weigh(network, (2,)).macs == 4
    assert network.seen == []
    assert not network.last["output"].is_meta


def test_frozen_parameters_are_not_counted_as_trainable() -> None:
    network = nn.Linear(4, 2)
    network.weight.requires_grad_(False)
    weighing = weigh(nn.Sequential(nn.Flatten(), network), (1, 2, 2))
    assert (weighing.parameters, weighing.state_elements) == (2, 10)
    assert_rows_sum_to_totals(weighing)


def test_tied_weights_are_counted_once() -> None:
    first, second = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    second.weight = first.weight
    weighing = weigh(nn.Sequential(first, second), (3,))
    assert (weighing.parameters, weighing.state_elements, weighing.macs) == (9, 9, 18)
    assert_rows_sum_to_totals(weighing)


class TwoInputs(nn.Module):
    """An image, and numbers that name something."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)
        self.embedding = nn.Embedding(10, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, image: Tensor, number: Tensor) -> Tensor:
        pooled = self.convolution(image).mean((2, 3))
        return self.head(pooled + self.embedding(number.long()).mean(1))


@pytest.mark.parametrize(
    "inputs", [[(3, 8, 8), (5,)], [(3, 8, 8), torch.zeros(1, 5, dtype=torch.long)]]
)
def test_several_inputs(inputs: list[object]) -> None:
    weighing = weigh(TwoInputs(), inputs)
    assert weighing.macs == 36 * 27 * 4 + 8
    assert weighing.input_shape == [[3, 8, 8], [5]]
    assert weighing.receptive_field == 3
    assert_rows_sum_to_totals(weighing)


def test_what_depends_on_values_is_run_on_the_processor_with_a_note() -> None:
    class Valued(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x) if x.sum() > 0 else x

    weighing = weigh(Valued(), (4,))
    assert weighing.macs == 16
    assert any("CPU" in note for note in weighing.notes)


def test_a_run_on_the_processor_leaves_buffers_as_they_were() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return x if float(x.sum()) > 0 else -x

    network = Counting()
    assert weigh(network, (4,)).notes
    assert network.calls.item() == 0


def test_tensors_made_on_the_way_belong_with_the_others() -> None:
    class Making(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            places = torch.arange(x.shape[1]) + torch.tensor([0.5])
            return x @ torch.outer(places, torch.ones(3))

    weighing = weigh(Making(), (4,))
    assert (weighing.known_macs, weighing.notes) == (12, [])


def test_an_own_forward_is_counted_and_the_difference_explained() -> None:
    class Twice(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(super().forward(x))

    (layer,) = weigh(nn.Sequential(Twice(3, 3)), (3,)).layers
    assert (layer.macs, layer.formula_macs) == (18, 9)
    assert layer.difference is not None
    assert "Twice has a forward of its own instead of Linear's" in layer.difference


def test_weights_computed_anew_are_explained() -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 5))
    weighing = weigh(nn.Sequential(layer), (3,))
    assert weighing.macs == 15
    assert weighing.parameters == 15 + 5 + 5
    assert "computed again" in str(weighing.layers[0].difference)


def test_a_recurrent_layer_on_the_processor() -> None:
    class Valued(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.LSTM(4, 5, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x if float(x.sum()) > 0 else -x)[0]

    weighing = weigh(Valued(), (6, 4))
    assert weighing.macs == weighing.layers[-1].formula_macs == 6 * 4 * 5 * (4 + 5)


@torch.library.custom_op("keiryo_tests::mystery", mutates_args=())
def mystery(x: Tensor) -> Tensor:
    return x.clone()


@mystery.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


@pytest.mark.parametrize(
    ("function", "operator"),
    [(mystery, "keiryo_tests.mystery"), (torch.linalg.qr, "aten.linalg_qr")],
)
def test_an_unknown_operator_is_named_and_the_total_is_not_given(
    function: Callable[[Tensor], Tensor], operator: str
) -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return function(self.layer(x))

    weighing = weigh(Odd(), (4,))
    assert weighing.macs is None
    assert weighing.known_macs == 16
    assert any(operator in unknown for unknown in weighing.unknown_operators)


@pytest.mark.parametrize("expansion", [1, 6])
def test_a_separable_pair_against_the_ordinary_convolution(expansion: int) -> None:
    hidden = 8 * expansion
    network = nn.Sequential(
        nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden),
        nn.BatchNorm2d(hidden),
        nn.ReLU6(),
        nn.Conv2d(hidden, 16, 1),
    )
    ordinary = weigh(nn.Conv2d(hidden, 16, 3, padding=1), (hidden, 10, 10)).macs
    weighing = weigh(network, (hidden, 10, 10))
    pair = weighing.layers[3].separable
    assert pair is not None
    assert (pair.depthwise, pair.pointwise) == ("0", "3")
    assert pair.ordinary_macs == ordinary
    assert pair.macs == weighing.macs
    assert pair.ratio == pytest.approx(pair.formula_ratio)
    assert pair.formula == "1/16 + 1/9"
    assert [layer.separable for layer in weighing.layers[:3]] == [None] * 3


def test_a_pointwise_convolution_after_another_is_no_pair() -> None:
    network = nn.Sequential(
        nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
    )
    pairs = [layer.separable is not None for layer in weigh(network, (4, 6, 6)).layers]
    assert pairs == [False, True, False]


def test_layers_are_grouped_by_block() -> None:
    weighing = weigh(keiryo.build("mobilenet_v2", classes=5), (3, 32, 32))
    blocks = list(dict.fromkeys(layer.block for layer in weighing.layers))
    assert blocks == [*(f"features.{index}" for index in range(19)), "pool", "classifier"]


def test_a_thousand_layers_in_no_memory() -> None:
    with torch.device("meta"):
        network = nn.Sequential(*(nn.Linear(20_000, 20_000, bias=False) for _ in range(1000)))
    assert weigh(network, (20_000,)).macs == 1000 * 20_000**2


def test_the_convention_is_in_the_output() -> None:
    assert weigh(nn.Linear(2, 2), (2,)).convention == CONVENTION


def test_activations_are_those_of_all_rows() -> None:
    weighing = weigh(keiryo.build("vgg11", classes=5), (3, 64, 64))
    by_shape = sum(
        4 * torch.Size(layer.output_shape).numel() for layer in weighing.layers if layer.calls
    )
    assert weighing.activation_bytes == by_shape
