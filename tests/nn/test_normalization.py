from typing import get_args

import pytest
import torch

from keiryo.nn.normalization import Norm, normalization

# The axes of (N, C, H, W) over which each kind makes mean 0 and variance 1.
STATISTICS_AXES: dict[Norm, tuple[int, ...]] = {
    "batch": (0, 2, 3),
    "layer": (1, 2, 3),
    "instance": (2, 3),
}


@pytest.mark.parametrize("kind", STATISTICS_AXES)
def test_each_kind_normalizes_over_its_own_axes(kind: Norm) -> None:
    x = 3 + 2 * torch.randn(4, 8, 6, 6, generator=torch.Generator().manual_seed(0))
    y = normalization(kind, 8)(x)
    torch.testing.assert_close(
        y.mean(STATISTICS_AXES[kind]),
        torch.zeros_like(y.mean(STATISTICS_AXES[kind])),
        atol=1e-5,
        rtol=0,
    )
    variance = y.var(STATISTICS_AXES[kind], unbiased=False)
    torch.testing.assert_close(variance, torch.ones_like(variance), atol=1e-3, rtol=0)


def test_group_norm_does_not_depend_on_the_rest_of_the_batch() -> None:
    x = torch.randn(3, 16, 5, 5)
    norm = normalization("group", 16)
    torch.testing.assert_close(norm(x)[:1], norm(x[:1]))


@pytest.mark.parametrize("kind", get_args(Norm))
@pytest.mark.parametrize("channels", [1, 3, 12, 24, 320])
def test_every_kind_takes_every_channel_count(kind: Norm, channels: int) -> None:
    y = normalization(kind, channels)(torch.randn(2, channels, 4, 4))
    assert y.shape == (2, channels, 4, 4)
    assert y.isfinite().all()
