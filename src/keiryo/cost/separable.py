"""Depthwise separable pairs, and what the ordinary convolution would have cost."""

from collections.abc import Sequence
from math import prod
from typing import Any

from keiryo.cost.calls import LayerCall
from keiryo.cost.formula.formulas import convolution_macs, depthwise_separable_ratio
from keiryo.cost.formula.kinds import layer_kind
from keiryo.records.costs import SeparablePair


def find_pairs(calls: Sequence[LayerCall]) -> dict[int, SeparablePair]:
    """Return the pairs among `calls`, in their order, by the id of the pointwise call.

    A pair is a depthwise convolution and a pointwise convolution of its output, with only
    norms and activations between them (Howard et al. 2017, "MobileNets", section 3.1).
    """
    pairs: dict[int, SeparablePair] = {}
    depthwise: LayerCall | None = None
    for call in calls:
        if call.operator is None and layer_kind(call.module) == "depthwise convolution":
            depthwise = call
        elif call.macs:
            if depthwise is not None and call.operator is None and _is_pointwise(call, depthwise):
                pairs[id(call)] = _pair(depthwise, call)
            depthwise = None
    return pairs


def _is_pointwise(call: LayerCall, depthwise: LayerCall) -> bool:
    layer: Any = call.module
    return (
        layer_kind(layer) == "pointwise convolution"
        and prod(layer.stride) == 1
        and call.input_shapes[:1] == depthwise.output_shapes[:1]
    )


def _pair(depthwise: LayerCall, pointwise: LayerCall) -> SeparablePair:
    first: Any = depthwise.module
    second: Any = pointwise.module
    kernel, out_channels = first.kernel_size, second.out_channels
    batch, channels, *spatial = depthwise.output_shapes[0]
    ordinary = convolution_macs(batch, spatial, kernel, channels, out_channels)
    macs = depthwise.macs + pointwise.macs
    return SeparablePair(
        depthwise=depthwise.name,
        pointwise=pointwise.name,
        macs=macs,
        ordinary_macs=ordinary,
        ratio=macs / ordinary,
        formula=f"1/{out_channels} + 1/{prod(kernel)}",
        formula_ratio=float(depthwise_separable_ratio(out_channels, kernel)),
    )
