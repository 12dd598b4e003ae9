"""Operators outside of PyTorch's main library: torchvision's, and those of quantised networks."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from keiryo.cost.operators.work import Rule, Work, no_work, visits

# PyTorch's libraries for communication, profiling and its compiler: no arithmetic.
WITHOUT_WORK = frozenset(
    [
        "profiler",
        "c10d",
        "_c10d_functional",
        "_c10d_functional_autograd",
        "symm_mem",
        "debugprims",
        "debug_mode_ops",
        "export",
        "inductor_prims",
        "_dtensor",
    ]
)
QUANTIZED = frozenset({"quantized", "_quantized", "onednn", "mkldnn", "sparse", "mkl"})


def other_rule(operator: OpOverload) -> Rule | None:
    """Return the rule for an operator of another library; None if it is unknown."""
    library, name = operator.namespace, operator.overloadpacket.__name__
    if library in WITHOUT_WORK:
        return no_work
    if library == "torchvision":
        return _TORCHVISION.get(name)
    if library in QUANTIZED:
        return _quantized_rule(name)
    return visits if library == "rngprims" else None


def _quantized_rule(name: str) -> Rule | None:
    if "prepack" in name or "unpack" in name or "reorder" in name or name.startswith("make_"):
        return no_work
    if any(part in name for part in ("cell", "wrapped", "int4mm", "md", "ptr")):
        return None
    if "linear" in name or name == "matmul":
        return _linear
    if name.startswith("conv_transpose"):
        return partial(_transposed_convolution, name.partition("_relu")[0])
    if "transpose" in name:
        return None
    if "conv" in name:
        return _convolution if name.startswith("conv") else None
    return visits


def _linear(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # (input, packed weights, ...): each output is a sum over the input's features.
    size = outputs[0].numel()
    return Work(size * arguments[0].shape[-1], size)


def _convolution(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # (input, packed weights, ...): the weight is (C_out, C_in/groups, *K).
    weight = arguments[1]
    if not isinstance(weight, Tensor):
        weight = torch.ops.quantized.conv_unpack(weight)[0]
    size = outputs[0].numel()
    return Work(size * weight[0].numel(), size)


def _transposed_convolution(name: str, arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # (input, packed weights, ...): the weight (C_in, C_out/groups, *K) is applied at each input.
    source, weight = arguments[:2]
    if not isinstance(weight, Tensor):
        weight = getattr(torch.ops.quantized, f"{name}_unpack")(weight)[0]
    positions = source.numel() // source.shape[1]
    return Work(positions * weight.numel(), outputs[0].numel())


def _deformable_convolution(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # deform_conv2d(input, weight, offset, mask, bias, ...): each tap is interpolated once.
    source, weight, offset = arguments[:3]
    macs = outputs[0].numel() * weight[0].numel()
    taps = offset.numel() // 2 * source.shape[1]
    return Work(macs, taps + outputs[0].numel())


def _aligned_regions(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # roi_align(input, regions, scale, height, width, sampling_ratio, ...); a ratio of 0 or less
    # is chosen by each region's size, and counted as 2.
    ratio = arguments[5] if len(arguments) > 5 and arguments[5] > 0 else 2
    return Work(elements=outputs[0].numel() * ratio**2)


def _suppression(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # nms(boxes, scores, threshold): at most every pair of boxes.
    return Work(elements=arguments[0].shape[0] ** 2)


_TORCHVISION: dict[str, Rule] = {
    "deform_conv2d": _deformable_convolution,
    "roi_align": _aligned_regions,
    "ps_roi_align": _aligned_regions,
    "qroi_align": _aligned_regions,
    "roi_pool": visits,
    "ps_roi_pool": visits,
    "nms": _suppression,
    "qnms": _suppression,
}
