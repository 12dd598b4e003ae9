import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from keiryo.nn.norm_activation import FusedSequential, runs_as_one_step

ACTIVATIONS = {"relu": nn.ReLU, "relu6": nn.ReLU6, "none": None}


def layers(activation: str, channels: int, dtype: torch.dtype) -> list[nn.Module]:
    norm = nn.BatchNorm2d(channels, dtype=dtype)
    nn.init.normal_(norm.weight, 1.0, 0.5)
    nn.init.normal_(norm.bias, 1.0, 1.0)
    nn.init.normal_(norm.running_mean)
    kind = ACTIVATIONS[activation]
    return [norm] if kind is None else [norm, kind(inplace=True)]


def feature_maps(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    x = 2.0 + 3.0 * torch.randn(*shape, dtype=dtype)
    return x.contiguous(memory_format=torch.channels_last).requires_grad_()


def run(network: nn.Sequential, x: Tensor, gradient: Tensor) -> dict[str, Tensor]:
    y = network(x)
    y.backward(gradient)
    results = {"y": y.detach(), "x": x.grad}
    results |= {f"gradient of {name}": p.grad for name, p in network.named_parameters()}
    results |= {name: buffer.clone() for name, buffer in network.named_buffers()}
    return {name: tensor for name, tensor in results.items() if tensor is not None}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(
    count=st.integers(1, 4),
    channels=st.integers(1, 40),
    height=st.integers(1, 9),
    width=st.integers(2, 9),
    threads=st.integers(1, 3),
)
@settings(max_examples=30)
def test_one_step_gives_what_the_two_modules_give(
    activation: str, count: int, channels: int, height: int, width: int, threads: int
) -> None:
    torch.manual_seed(channels)
    plain = nn.Sequential(*layers(activation, channels, torch.float64))
    fused = FusedSequential(*copy.deepcopy(list(plain)))
    x = feature_maps(count, channels, height, width)
    assert runs_as_one_step(fused[0], fused[1] if len(fused) > 1 else None, x)
    gradient = torch.randn(count, channels, height, width, dtype=torch.float64)
    expected = run(plain, x.detach().clone().requires_grad_(), gradient)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        torch.testing.assert_close(run(fused, x, gradient), expected, rtol=1e-9, atol=1e-9)
    finally:
        torch.set_num_threads(before)


def test_in_single_precision_it_is_as_near_the_truth_as_the_modules() -> None:
    torch.manual_seed(0)
    exact = nn.Sequential(*layers("relu6", 24, torch.float64))
    plain = copy.deepcopy(exact).float()
    fused = FusedSequential(*copy.deepcopy(list(plain)))
    # A mean that is large beside the deviation is what loses digits.
    x = (100.0 + feature_maps(8, 24, 32, 32)).detach()
    gradient = torch.randn(8, 24, 32, 32, dtype=torch.float64)

    def error(network: nn.Sequential) -> float:
        lone = x.to(next(network.parameters()).dtype).requires_grad_()
        got = run(network, lone, gradient.to(lone.dtype))
        away = (got["gradient of 0.weight"] - truth["gradient of 0.weight"]).abs().max()
        return float(away + (got["0.running_var"] - truth["0.running_var"]).abs().max())

    truth = run(copy.deepcopy(exact), x.clone().requires_grad_(), gradient)
    assert error(fused) <= 2.0 * error(plain)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(
    count=st.integers(1, 4),
    channels=st.integers(1, 40),
    height=st.integers(1, 9),
    width=st.integers(2, 9),
)
@settings(max_examples=30)
def test_of_bfloat16_it_gives_what_float32_gives_rounded(
    activation: str, count: int, channels: int, height: int, width: int
) -> None:
    torch.manual_seed(channels)
    plain = nn.Sequential(*layers(activation, channels, torch.float32))
    fused = FusedSequential(*copy.deepcopy(list(plain)))
    x = feature_maps(count, channels, height, width, dtype=torch.float32).detach().bfloat16()
    gradient = torch.randn(count, channels, height, width).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert runs_as_one_step(fused[0], fused[1] if len(fused) > 1 else None, x)
    got = run(fused, x.clone().requires_grad_(), gradient)
    expected = run(plain, x.float().requires_grad_(), gradient.float())
    assert got["y"].dtype == got["x"].dtype == torch.bfloat16
    # Rounded, half of 2^-8 at the most. A gradient is left over from a difference of large ones.
    torch.testing.assert_close(got.pop("y").float(), expected.pop("y"), rtol=2**-8, atol=1e-4)
    largest = float(expected["x"].abs().max())
    torch.testing.assert_close(
        got.pop("x").float(), expected.pop("x"), rtol=2**-8, atol=1e-3 * largest + 1e-4
    )
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_are_those_of_finite_differences(activation: str) -> None:
    torch.manual_seed(3)
    network = FusedSequential(*layers(activation, 3, torch.float64))
    x = feature_maps(2, 3, 3, 2)
    assert runs_as_one_step(network[0], network[1] if len(network) > 1 else None, x)
    assert torch.autograd.gradcheck(network, (x,))


def test_a_hook_on_either_module_is_called() -> None:
    network = FusedSequential(*layers("relu", 8, torch.float32))
    seen = []
    for layer in network:
        layer.register_forward_hook(lambda module, *_: seen.append(type(module)))
    network(feature_maps(2, 8, 4, 4, dtype=torch.float32))
    assert seen == [nn.BatchNorm2d, nn.ReLU]


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_what_is_not_a_number_stays_so(kind: torch.dtype) -> None:
    network = FusedSequential(*layers("relu6", 8, torch.float32))
    x = feature_maps(2, 8, 4, 4, dtype=kind)
    with torch.no_grad():
        x[0, 3, 1, 1] = torch.nan
    y = network(x)
    assert y[:, 3].isnan().all()
    assert y[:, :3].isfinite().all()


def test_the_same_bits_come_every_time() -> None:
    network = FusedSequential(*layers("relu6", 40, torch.float32))
    x = feature_maps(4, 40, 30, 30, dtype=torch.float32)
    gradient = torch.randn(4, 40, 30, 30)
    first = run(copy.deepcopy(network), x.detach().clone().requires_grad_(), gradient)
    for _ in range(3):
        again = run(copy.deepcopy(network), x.detach().clone().requires_grad_(), gradient)
        assert all(torch.equal(first[name], again[name]) for name in first)


def test_inference_and_other_layouts_go_through_the_modules() -> None:
    network = FusedSequential(*layers("relu", 8, torch.float32))
    x = feature_maps(2, 8, 4, 4, dtype=torch.float32)
    assert not runs_as_one_step(network[0], network[1], x.detach().contiguous())
    torch.testing.assert_close(
        network.eval()(x),
        torch.relu(
            nn.functional.batch_norm(
                x,
                network[0].running_mean,
                network[0].running_var,
                network[0].weight,
                network[0].bias,
            )
        ),
    )
