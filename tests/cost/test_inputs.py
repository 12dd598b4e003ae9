"""What users give as inputs is taken, or refused in one line."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from keiryo.cost import weigh
from keiryo.errors import InputError


class Flexible(nn.Module):
    """Takes its input by position, by keyword or in a dictionary, and hands other values by."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 2)

    def forward(self, x: Any = None, *rest: Any, scale: Any = 1) -> Tensor:
        if isinstance(x, dict):
            x = x["x"]
        if isinstance(x, (list, tuple)):
            x = x[0]
        if x is None:
            x = torch.ones(1, 8)
        return self.layer(x) * scale


@pytest.mark.parametrize(
    "inputs",
    [
        (8,),
        8,
        np.int64(8),
        tuple(np.array([8])),
        np.zeros((1, 8), dtype=np.float32),
        "8",
        "8:float32",
        {"x": (8,)},
        {"x": torch.zeros(1, 8), "scale": 2.0},
        [{"x": torch.zeros(1, 8)}],
        [{"x": (8,)}],
        [(torch.zeros(1, 8), 3)],
        [torch.zeros(1, 8), None],
        [torch.zeros(1, 8), 3],
        [(8,), "a text", True],
        ["x=8", "scale=1"],
        [],
    ],
    ids=str,
)
def test_taken(inputs: Any) -> None:
    assert weigh(Flexible(), inputs).macs == 16


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (None, "no input"),
        ((-8,), "whole numbers from 1 on"),
        ((8.5,), "whole numbers from 1 on"),
        ((0,), "whole numbers from 1 on"),
        ("8:nothing", "number format 'nothing'"),
        ("eight", "joined by x"),
        (np.array(["a"]), "cannot become a tensor"),
    ],
    ids=str,
)
def test_refused(inputs: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        weigh(Flexible(), inputs)


def test_a_class_is_no_module() -> None:
    with pytest.raises(InputError, match="give a module of it"):
        weigh(nn.ReLU, (8,))  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match=r"no torch\.nn\.Module"):
        weigh(torch.relu, (8,))  # pyright: ignore[reportArgumentType]


def test_tokens() -> None:
    network = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 3))
    assert weigh(network, "7:int64").macs == 7 * 12
    with pytest.raises(InputError, match="it takes 7:int64"):
        weigh(network, (7,))


def test_batches() -> None:
    layer = nn.Conv2d(3, 4, 3)
    one, eight = weigh(layer, (3, 8, 8)), weigh(layer, (3, 8, 8), batch=8)
    assert (one.batch, eight.batch) == (1, 8)
    assert (eight.macs, eight.activation_bytes) == (8 * one.known_macs, 8 * one.activation_bytes)
    assert eight.input_shape == one.input_shape == [3, 8, 8]
    given = weigh(layer, torch.zeros(8, 3, 8, 8))
    assert (given.batch, given.macs) == (8, eight.macs)
    with pytest.raises(InputError, match="batch"):
        weigh(layer, (3, 8, 8), batch=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_one_unit_for_all_formats(dtype: torch.dtype) -> None:
    weighing = weigh(nn.Linear(8, 8, bias=False).to(dtype), (8,))
    assert weighing.size_bytes == 64 * 4
    assert weighing.own_size_bytes == 64 * dtype.itemsize
    assert (weighing.activation_bytes, weighing.peak_activation_bytes) == (32, 64)


def test_sizes_in_another_format() -> None:
    weighing = weigh(nn.Linear(8, 8), (8,), dtype="bfloat16")
    assert (weighing.dtype, weighing.size_bytes) == ("bfloat16", 2 * 72)
    assert (weighing.activation_bytes, weighing.peak_activation_bytes) == (16, 32)
    with pytest.raises(InputError, match="floating-point"):
        weigh(nn.Linear(8, 8), (8,), dtype="int8")


def test_complex_numbers_take_twice_as_much() -> None:
    weighing = weigh(nn.Linear(4, 3, dtype=torch.complex64), (4,))
    assert (weighing.size_bytes, weighing.activation_bytes) == (15 * 8, 24)


def test_lazy_layers_take_their_sizes_from_the_input() -> None:
    network = nn.Sequential(
        nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(affine=False), nn.Flatten(), nn.LazyLinear(2)
    )
    weighing = weigh(network, (3, 8, 8))
    assert weighing.macs == 36 * 4 * 27 + 4 * 36 * 2
    assert weighing.parameters == 4 * 27 + 4 + 144 * 2 + 2
    assert isinstance(network[0], nn.LazyConv2d)
