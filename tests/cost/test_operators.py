"""Every operator of PyTorch is decided, and the products are counted by hand."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._ops import OpOverload

from keiryo.cost import weigh
from keiryo.cost.operators.decide import is_composite, rule_for
from keiryo.cost.operators.multiply_accumulates import UNKNOWN_PRODUCTS


class Calling(nn.Module):
    """A forward that is one function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


def registered() -> list[OpOverload]:
    """Return every overload of PyTorch's main library."""
    found = []
    for full_name in torch._C._dispatch_get_all_op_names():
        library, _, rest = full_name.partition("::")
        if library == "aten":
            name, _, overload = rest.partition(".")
            found.append(getattr(getattr(torch.ops.aten, name), overload or "default"))
    return found


def test_every_operator_counts_or_has_nothing_to_count_or_is_a_listed_product() -> None:
    operators = registered()
    assert len(operators) > 2000
    undecided = {
        str(operator)
        for operator in operators
        if rule_for(operator) is None
        and not is_composite(operator)
        and operator.overloadpacket.__name__.rstrip("_") not in UNKNOWN_PRODUCTS
    }
    assert undecided == set()


def test_a_listed_product_has_no_rule_beside() -> None:
    known = {
        operator.overloadpacket.__name__: rule_for(operator)
        for operator in registered()
        if operator.overloadpacket.__name__ in UNKNOWN_PRODUCTS and not is_composite(operator)
    }
    assert set(known.values()) == {None}


def lstm_cell(x: Tensor) -> Tensor:
    return nn.LSTMCell(8, 4, device=x.device)(x)[0]


@pytest.mark.parametrize(
    ("function", "macs"),
    [
        (lambda x: x.detach_(), 0),
        (lambda x: x * torch.tensor([2.0]), 0),
        (lambda x: x + torch.randn(8) + torch.rand(8) + torch.randint(3, (8,)), 0),
        (lambda x: torch.normal(x, 1.0) + x.new_zeros(3, 8).normal_().sum(0), 0),
        (nn.functional.logsigmoid, 0),
        (lambda x: (torch._assert_async((x < 9).all()), x)[1], 0),
        (lambda x: torch.polar(x, x).abs(), 0),
        (lambda x: x.median(-1)[0], 0),
        (lambda x: nn.functional.mse_loss(x, x) + nn.functional.smooth_l1_loss(x, x), 0),
        (lambda x: nn.functional.binary_cross_entropy_with_logits(x, x.sigmoid()), 0),
        (lambda x: torch.fake_quantize_per_tensor_affine(x, 0.1, 0, 0, 255), 0),
        (lambda x: x * torch.hann_window(8), 0),
        (lambda x: nn.functional.affine_grid(x[:, :6].view(1, 2, 3), [1, 1, 4, 4], False), 0),
        (lambda x: (x * 1j).abs() > 0, 0),
        (lambda x: torch.where(x > 0, x, -x).cummax(-1)[0].topk(3)[0], 0),
        (lambda x: x.unfold(1, 4, 2).index_fill(1, torch.tensor([0]), 1.0), 0),
        (lstm_cell, 4 * 4 * (8 + 4)),
        (lambda x: torch._int_mm(x.expand(32, 8).char(), torch.ones(8, 16).char()), 32 * 8 * 16),
        (lambda x: torch.cdist(x.view(2, 4), torch.ones(3, 4)), 2 * 3 * 4),
        (lambda x: nn.functional.bilinear(x, x, torch.ones(5, 8, 8)), 5 * 8 * 8),
        (lambda x: torch.einsum("ni,oi->no", x, torch.ones(3, 8)), 8 * 3),
        (lambda x: torch.addr(torch.ones(8, 8), x[0], x[0]), 8 * 8),
    ],
)
def test_what_is_counted(function: Callable[[Tensor], Tensor], macs: int) -> None:
    weighing = weigh(Calling(function), (8,))
    assert (weighing.macs, weighing.unknown_operators) == (macs, [])


def test_fourier_transforms_are_counted_apart() -> None:
    weighing = weigh(Calling(torch.fft.rfft), (16,))
    assert weighing.macs == 0
    assert weighing.elements == 16 * 4
    assert any("Fourier" in note for note in weighing.notes)


@pytest.mark.parametrize(
    "function", [torch.linalg.inv, torch.linalg.svdvals, torch.linalg.cholesky]
)
def test_products_that_no_sizes_tell_withhold_the_total(
    function: Callable[[Tensor], Tensor],
) -> None:
    weighing = weigh(Calling(lambda x: function(x @ x.mT + torch.eye(4))), (4, 4))
    assert weighing.macs is None
    assert weighing.known_macs == 64
    assert len(weighing.unknown_operators) == 1


def test_all_places_of_an_unknown_operator_are_named() -> None:
    inverse = [Calling(torch.linalg.inv) for _ in range(2)]
    (named,) = weigh(nn.Sequential(*inverse), torch.eye(3)[None]).unknown_operators
    assert named == "aten.linalg_inv_ex (in 0, 1)"


def test_sparse_products_count_stored_elements() -> None:
    class Sparse(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weight", torch.eye(8).to_sparse())

        def forward(self, x: Tensor) -> Tensor:
            return torch.sparse.mm(self.weight, x.T)

    assert weigh(Sparse(), (8,)).macs == 8


@pytest.mark.filterwarnings("ignore")
def test_quantised_layers() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
        small = torch.ao.quantization.quantize_dynamic(network, {nn.Linear})
    assert weigh(small, (8,)).macs == 8 * 4 + 4 * 2


def test_attention_with_functions_of_the_users_own() -> None:
    from torch.nn.attention.flex_attention import flex_attention

    weighing = weigh(Calling(lambda q: flex_attention(q, q, q)), torch.zeros(1, 2, 16, 4))
    assert weighing.macs == 2 * 2 * 16 * 16 * 4
