"""The cost of each operator of PyTorch, from the shapes of its tensors.

Each operator has one small function, in a table. An operator in no table is unknown; its
name is shown to the user, instead of a cost of zero.
"""

from collections.abc import Callable, Sequence
from functools import cache
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._ops import OpOverload

aten = torch.ops.aten


class Work(NamedTuple):
    """The work of one call of an operator; see `keiryo.cost.convention`."""

    macs: int = 0
    elements: int = 0


NOTHING = Work()
Rule = Callable[[Sequence[Any], Sequence[Tensor]], Work]


def _matrix_product(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # (..., L, K) @ (..., K, M): each output is a sum over K.
    return Work(outputs[0].numel() * arguments[0].shape[-1])


def _matrix_product_onto(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # addmm(bias, a, b)
    return Work(outputs[0].numel() * arguments[1].shape[-1], outputs[0].numel())


def _linear(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # linear(input, weight, bias)
    has_bias = len(arguments) > 2 and arguments[2] is not None
    size = outputs[0].numel()
    return Work(size * arguments[0].shape[-1], size if has_bias else 0)


def _batch_sum_of_products_onto(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # addbmm(bias, a, b): the products are summed over the batch too.
    batch, _, depth = arguments[1].shape
    return Work(outputs[0].numel() * batch * depth, outputs[0].numel())


def _dot(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    return Work(arguments[0].numel())


def _outer_onto(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    return Work(outputs[0].numel(), outputs[0].numel())


def _convolution(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # convolution(input, weight, bias, stride, padding, dilation, transposed, ...); the
    # weight (C_out, C_in/groups, *K) is applied at each output position, that of a
    # transposed convolution (C_in, C_out/groups, *K) at each input position.
    source, weight, bias = arguments[:3]
    transposed = len(arguments) > 6 and arguments[6]
    applied_to = source if transposed else outputs[0]
    spatial = applied_to.shape[2 - weight.dim() :]
    batch = outputs[0].shape[0] if outputs[0].dim() == weight.dim() else 1
    return Work(batch * prod(spatial) * weight.numel(), 0 if bias is None else outputs[0].numel())


def _attention(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # query (N, heads, L, E), key (N, heads, S, E), value (N, heads, S, V)
    query, key, value = arguments[:3]
    scores = prod(query.shape[:-1]) * key.shape[-2]
    # Scaling and softmax visit each score once.
    return Work(scores * (query.shape[-1] + value.shape[-1]), 2 * scores)


def _visits(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    """Count each element of the largest tensor read or written once."""
    largest = max((output.numel() for output in outputs), default=0)
    return Work(elements=max(largest, *_sizes(arguments)))


def _visits_outputs(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    return Work(elements=outputs[0].numel())


def _recurrent(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # mkldnn_rnn_layer(input, input weights, hidden weights, ...): each is applied at each step.
    source, of_inputs, of_hidden = arguments[:3]
    steps = source.numel() // source.shape[-1]
    return Work(steps * (of_inputs.numel() + of_hidden.numel()), outputs[0].numel())


def _dropout(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # dropout(input, share, training): in evaluation it returns its input.
    return _visits(arguments, outputs) if arguments[2] else NOTHING


def _window_pooling(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # pool(input, kernel_size, ...): every place of every window; one figure for all axes.
    kernel = arguments[1]
    axes = arguments[0].dim() - 2 if arguments[0].dim() > 2 else 1
    window = prod(kernel) if len(kernel) > 1 else kernel[0] ** (axes if len(kernel) else 0)
    return Work(elements=outputs[0].numel() * window)


def _sizes(arguments: Sequence[Any]) -> list[int]:
    sizes = [0]
    for argument in arguments:
        if isinstance(argument, Tensor):
            sizes.append(argument.numel())
        elif isinstance(argument, (list, tuple)):
            sizes += _sizes(argument)
    return sizes


MULTIPLY_ACCUMULATES: dict[Any, Rule] = {
    aten.linear: _linear,
    aten.mm: _matrix_product,
    aten.bmm: _matrix_product,
    aten.mv: _matrix_product,
    aten.dot: _dot,
    aten.vdot: _dot,
    aten.addmm: _matrix_product_onto,
    aten.addmv: _matrix_product_onto,
    aten.baddbmm: _matrix_product_onto,
    aten.addbmm: _batch_sum_of_products_onto,
    aten.addr: _outer_onto,
    aten.convolution: _convolution,
    aten._convolution: _convolution,
    aten.mkldnn_convolution: _convolution,
    aten.mkldnn_rnn_layer: _recurrent,
    aten.scaled_dot_product_attention: _attention,
    aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    aten._scaled_dot_product_flash_attention: _attention,
    aten._scaled_dot_product_efficient_attention: _attention,
    aten._scaled_dot_product_cudnn_attention: _attention,
}


def _packets(names: str) -> frozenset[Any]:
    """Return the operators of `torch.ops.aten` with these names, separated by spaces."""
    return frozenset(getattr(aten, name) for name in names.split())


def _by_rule(rule: Rule, names: str) -> dict[Any, Rule]:
    return dict.fromkeys(_packets(names), rule)


POOLING = _by_rule(
    _window_pooling,
    """
    max_pool2d_with_indices max_pool3d_with_indices avg_pool2d avg_pool3d
    """,
)

NORMALIZATION = _by_rule(
    _visits_outputs,
    """
    batch_norm group_norm layer_norm rms_norm native_batch_norm _native_batch_norm_legit
    _native_batch_norm_legit_no_training native_group_norm native_layer_norm _fused_rms_norm
    """,
)

# Element-wise operators and reductions that have neither of PyTorch's tags for these.
VISITS = _by_rule(
    _visits,
    """
    _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d softmax
    _softmax _log_softmax _safe_softmax _prelu_kernel glu hardswish hardswish_ rrelu_with_noise
    native_dropout upsample_bilinear2d _upsample_bilinear2d_aa upsample_bicubic2d
    _upsample_bicubic2d_aa upsample_linear1d upsample_trilinear3d grid_sampler_2d
    grid_sampler_3d cumsum cumprod sort topk argsort scatter_add index_add _embedding_bag col2im
    fill_ tril triu _weight_norm_interface renorm uniform_ normal_ bernoulli bernoulli_
    rand_like randn_like nonzero bucketize searchsorted logcumsumexp
    """,
)

# Upsampling by repeating the nearest element.
REPETITIONS = _packets(
    """
    upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d
    _upsample_nearest_exact2d _upsample_nearest_exact3d
    """
)

# Copies, rearrangements and new tensors: nothing is computed.
MOVES = _packets(
    """
    _local_scalar_dense _to_copy _unsafe_index _unsafe_view arange as_strided_ cat
    channel_shuffle clone constant_pad_nd copy copy_ embedding empty empty_like empty_permuted
    empty_strided eye flip full full_like gather im2col index index_copy index_put index_put_
    index_select linspace masked_select max_unpool2d new_empty new_full new_ones new_zeros ones
    ones_like pixel_shuffle pixel_unshuffle reflection_pad1d reflection_pad2d reflection_pad3d
    repeat repeat_interleave replication_pad1d replication_pad2d replication_pad3d resize_ roll
    scalar_tensor scatter select_scatter set_ slice_scatter squeeze_ stack sym_size t_
    transpose_ unsqueeze_ zero_ zeros zeros_like
    """
) | {torch.ops.prim.device, torch.ops.prim.layout}

_RULES = MULTIPLY_ACCUMULATES | POOLING | NORMALIZATION | VISITS | {aten.dropout: _dropout}


def rule_for(operator: OpOverload) -> Rule | None:
    """Return the function that counts a call of `operator`; None if it is unknown."""
    packet = operator.overloadpacket
    if packet in _RULES:
        return _RULES[packet]
    moves = packet in MOVES or packet in REPETITIONS or operator.is_view
    if moves or operator.namespace == "profiler":
        return _no_work
    if has_tag(operator, torch.Tag.pointwise) or has_tag(operator, torch.Tag.reduction):
        return _visits
    return None


def is_composite(operator: OpOverload) -> bool:
    """Return True if `operator` is counted by the operators that PyTorch composes it of."""
    packet = operator.overloadpacket
    return operator._can_decompose() and packet not in _RULES and packet not in REPETITIONS


@cache
def has_tag(operator: OpOverload, tag: torch.Tag) -> bool:
    """Return True if PyTorch tags any overload of `operator`, or of its form not in place.

    PyTorch tags some overloads of an operator and not others, and rarely the one that
    works in place (whose name ends in an underscore).
    """
    namespace = getattr(torch.ops, operator.namespace)
    name = operator.overloadpacket.__name__
    for spelling in (name, name.rstrip("_")):
        packet = getattr(namespace, spelling, None)
        if packet is not None and any(
            tag in getattr(packet, overload).tags for overload in packet.overloads()
        ):
            return True
    return False


def _no_work(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    return NOTHING
