"""The memory that kernels may take of their own while they run.

How much it is depends on library and processor, so it is no part of a peak. It is estimated
here to tell whether the peak could be more than what was counted.
"""

from collections.abc import Callable, Sequence
from functools import cache
from math import prod
from typing import Any

from torch import Tensor
from torch._ops import OpOverload

from keiryo.cost.operators.decide import rule_for
from keiryo.cost.operators.element_work import TRANSFORMS
from keiryo.cost.operators.work import packets
from keiryo.cost.running.units import FLOAT32_BYTES

Estimate = Callable[[Sequence[Any], Sequence[Tensor]], int]


@cache
def scratch_estimate(operator: OpOverload) -> Estimate | None:
    """Return the function that estimates the scratch bytes of a call; None: there are none."""
    packet = operator.overloadpacket
    for kinds, estimate in _ESTIMATES:
        if packet in kinds:
            return estimate
    return None if rule_for(operator) is not None else _as_its_results


def _of_convolution(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> int:
    # Weights are packed again. Along two axes that is all; else inputs are, or the columns of
    # an ordinary matrix product are written out.
    source, weight = arguments[:2]
    transposed = len(arguments) > 6 and arguments[6] is True
    elements = weight.numel()
    if weight.dim() == 5 or transposed:
        positions = prod((source if transposed else outputs[0]).shape[2:])
        elements += positions * source.shape[1] * prod(weight.shape[2:])
    elif weight.dim() == 3:
        elements += source.numel() + outputs[0].numel()
    return elements * FLOAT32_BYTES


def _of_recurrent(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> int:
    # The gates of all steps, and packed weights.
    return FLOAT32_BYTES * (4 * outputs[0].numel() + sum(_elements(arguments)))


def _as_its_inputs(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> int:
    return FLOAT32_BYTES * sum(_elements(arguments))


def _as_its_results(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> int:
    return FLOAT32_BYTES * sum(_elements(outputs))


def _elements(values: Sequence[Any]) -> list[int]:
    return [value.numel() for value in values if isinstance(value, Tensor)]


_ESTIMATES: tuple[tuple[Any, Estimate], ...] = (
    (packets("convolution _convolution mkldnn_convolution"), _of_convolution),
    (packets("mkldnn_rnn_layer _cudnn_rnn miopen_rnn"), _of_recurrent),
    (
        packets(
            """
            scaled_dot_product_attention _scaled_dot_product_flash_attention_for_cpu
            _scaled_dot_product_flash_attention _scaled_dot_product_efficient_attention bmm
            baddbmm sort topk unique_dim _unique2 cdist
            """
        ),
        _as_its_inputs,
    ),
    (frozenset(TRANSFORMS), _as_its_results),
)
