"""The precision of a training: float32, or bfloat16 where that is faster."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal

import torch
from torch import nn

from keiryo.nn.strided_depthwise import FastStridedDepthwise, has_strided_depthwise
from keiryo.records.training import Precision

# A function that makes the context of one forward pass: autocast to bfloat16, or nothing.
ForwardContext = Callable[[], AbstractContextManager[object]]
# With fewer channels in a group, PyTorch's group norm is slower in bfloat16 than in float32.
FEWEST_CHANNELS_OF_A_GROUP = 8


def choose_precision(
    network: nn.Module, device: torch.device, precision: Precision
) -> Literal["float32", "bfloat16"]:
    """Return the precision that `precision` means for `network` on `device`.

    `auto` is bfloat16 where that is faster: on devices with units for it, which are CUDA GPUs
    from Ampere on and processors with AMX or AVX-512 BF16.
    """
    if precision != "auto":
        return precision
    is_slow = device.type == "cpu" and _has_small_groups(network)
    return "bfloat16" if has_bfloat16_units(device) and not is_slow else "float32"


def has_bfloat16_units(device: torch.device) -> bool:
    """Return whether `device` multiplies bfloat16 faster than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and (
        torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    )


def mixed_precision(
    network: nn.Module, device: torch.device, precision: Precision
) -> ForwardContext:
    """Return the context of forward passes of `network` in a training.

    In bfloat16, convolutions and matrix products compute and return bfloat16; weights, their
    gradients and the sums within norms stay float32.
    """
    if choose_precision(network, device, precision) == "float32":
        return nullcontext
    is_strided_on_cpu = device.type == "cpu" and has_strided_depthwise(network)

    @contextmanager
    def context() -> Iterator[None]:
        with (
            torch.autocast(device.type, dtype=torch.bfloat16),
            FastStridedDepthwise() if is_strided_on_cpu else nullcontext(),
        ):
            yield

    return context


def _has_small_groups(network: nn.Module) -> bool:
    return any(
        isinstance(layer, nn.GroupNorm)
        and layer.num_channels < FEWEST_CHANNELS_OF_A_GROUP * layer.num_groups
        for layer in network.modules()
    )
