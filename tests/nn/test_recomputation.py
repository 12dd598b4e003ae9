import torch
from torch import nn

from keiryo.nn.norm_activation import FusedSequential
from keiryo.nn.recomputation import recompute_activations


def two_steps() -> tuple[nn.Module, nn.Conv2d]:
    torch.manual_seed(0)
    first = FusedSequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU6(inplace=True))
    return first, nn.Conv2d(8, 4, 1)


def test_an_activation_is_not_kept_but_the_same_when_it_is_wanted() -> None:
    first, second = two_steps()
    x = torch.randn(2, 3, 9, 9).contiguous(memory_format=torch.channels_last)
    with recompute_activations():
        y = first(x)
        z = second(y)
    assert z.grad_fn is not None
    kept = z.grad_fn._saved_input  # pyright: ignore[reportAttributeAccessIssue]
    assert kept.data_ptr() != y.data_ptr()
    assert torch.equal(kept, y)


def test_what_was_changed_in_between_is_kept_as_it_is() -> None:
    first, second = two_steps()
    x = torch.randn(2, 3, 9, 9).contiguous(memory_format=torch.channels_last)
    with recompute_activations():
        y = first(x)
        with torch.no_grad():
            y.mul_(2.0)
        z = second(y)
    assert z.grad_fn is not None
    assert torch.equal(z.grad_fn._saved_input, y)  # pyright: ignore[reportAttributeAccessIssue]


def test_gradients_are_the_same_bits() -> None:
    gradients = []
    for saves in (False, True):
        first, second = two_steps()
        x = torch.randn(4, 3, 20, 20, generator=torch.Generator().manual_seed(1))
        x = x.contiguous(memory_format=torch.channels_last)
        if saves:
            with recompute_activations():
                loss = second(first(x)).square().sum()
        else:
            loss = second(first(x)).square().sum()
        loss.backward()
        gradients.append([p.grad for part in (first, second) for p in part.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))
