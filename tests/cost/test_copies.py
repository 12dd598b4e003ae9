"""Whatever hangs on a module, a copy is weighed, and the module is left as it was."""

import functools
import sqlite3
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from keiryo.cost import weigh


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 2))


class Camera:
    """Keeps what a layer gave, as Grad-CAM does."""

    def __init__(self, layer: nn.Module) -> None:
        self.kept: Tensor | None = None
        layer.register_forward_hook(self.keep)

    def keep(self, layer: nn.Module, inputs: Any, output: Tensor) -> None:
        self.kept = output


def test_a_hook_keeps_what_it_kept() -> None:
    module = network()
    camera = Camera(module[0])
    module(torch.zeros(1, 8))
    kept = camera.kept
    assert weigh(module, (5, 8)).macs == 80
    assert camera.kept is kept


class Keeping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 2)
        self.kept: Any = None

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        self.kept = (x, y)
        return y


def test_results_kept_from_a_forward() -> None:
    module = Keeping()
    module(torch.zeros(1, 8))
    kept = module.kept
    assert weigh(module, (5, 8)).macs == 80
    assert module.kept is kept


class Closing:
    """Says when it is dropped: a copy must not."""

    dropped = 0

    def __del__(self) -> None:
        Closing.dropped += 1


@pytest.mark.parametrize(
    "attached",
    [
        threading.Lock,
        lambda: sys,
        lambda: (number for number in range(3)),
        lambda: sqlite3.connect(":memory:"),
        lambda: Path(__file__).open(),  # noqa: SIM115 (closed when it is dropped)
        lambda: torch.Generator(),
        lambda: iter([1, 2]),
        lambda: functools.partial(network().forward),
        lambda: {"kept": [torch.zeros(1, requires_grad=True) * 2]},
    ],
)
def test_what_cannot_be_copied_is_shared(attached: Callable[[], Any]) -> None:
    module: Any = network()
    module.attached = attached()
    assert weigh(module, (5, 8)).macs == 80


def test_what_says_when_it_is_dropped_is_not_copied() -> None:
    module: Any = network()
    module.attached = Closing()
    assert weigh(module, (8,)).macs == 16
    assert Closing.dropped == 0


def test_a_forward_that_was_replaced_acts_on_the_copy() -> None:
    module: Any = nn.Linear(8, 2)

    def forward(layer: nn.Linear, x: Tensor) -> Tensor:
        return nn.functional.linear(x, layer.weight)

    module.forward = functools.partial(forward, module)
    weighing = weigh(nn.Sequential(module), (8,))
    assert (weighing.macs, weighing.notes) == (16, [])


def test_a_train_that_returns_nothing() -> None:
    class Silent(nn.Sequential):
        def train(self, mode: bool = True) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            super().train(mode)

    module = Silent(nn.Linear(8, 2), nn.Dropout())
    assert weigh(module, (8,)).macs == 16
    assert module.training


def test_parallel_copies() -> None:
    distributed = torch.distributed
    if not distributed.is_available():
        pytest.skip("needs torch.distributed")
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        assert weigh(nn.parallel.DistributedDataParallel(network()), (5, 8)).macs == 80
    finally:
        distributed.destroy_process_group()


def test_weights_are_not_copied_after_the_compiler_was_loaded() -> None:
    # The compiler replaces a method of nn.Module.
    own: Any = nn.Module.__setstate__
    try:
        nn.Module.__setstate__ = lambda module, state: own(module, state)  # pyright: ignore
        nn.Module.__setstate__.__module__ = "elsewhere"

        class Late(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                return x.relu()

        assert weigh(nn.Sequential(Late(), nn.Linear(8, 2)), (8,)).notes == []
    finally:
        nn.Module.__setstate__ = own


class Deriving(nn.Module):
    """Asks for a gradient in its forward, as networks of energies do."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            return torch.autograd.grad(self.layer(x).sum(), x)[0]


def test_gradients_within_a_forward() -> None:
    module = Deriving()
    assert weigh(module, (8,)).macs == 2 * 16
    assert module.layer.weight.grad is None


def test_layers_may_return_other_things_than_tensors() -> None:
    @dataclass
    class Output:
        result: Tensor

    class Leaf(nn.Module):
        def __init__(self, wrap: Callable[[Tensor], Any]) -> None:
            super().__init__()
            self.wrap = wrap

        def forward(self, x: Tensor) -> Any:
            return self.wrap(x * 2)

    for wrap in (Output, lambda y: (3, y), lambda y: {"y": [y]}):
        assert weigh(nn.Sequential(Leaf(wrap)), (8,)).activation_bytes == 32


def test_an_empty_tensor_to_begin_a_concatenation() -> None:
    class Collecting(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            out = torch.tensor([])
            for part in x.unbind(1):
                out = torch.cat([out, part[:, None]], dim=-2)
            return out @ torch.ones(8, 2)

    assert weigh(Collecting(), (5, 8)).macs == 80


def test_random_numbers_on_the_processor_come_from_no_sequence_of_the_users() -> None:
    class Valued(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * 2 if float(torch.rand(())) > 2 else x

    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    assert "CPU" in weigh(Valued(), (4,)).notes[0]
    assert torch.equal(torch.rand(1), expected)
