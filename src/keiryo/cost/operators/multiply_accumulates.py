"""The operators whose work is multiply-accumulates; each has one small function."""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from keiryo.cost.operators.work import Rule, Work, aten, by_rule


def _depth(matrix: Tensor) -> float:
    """Return the number of products in each output: the columns, or a sparse row's elements."""
    if matrix.layout is torch.strided:
        return matrix.shape[-1]
    # Every stored element of a sparse matrix (rows, columns) meets one column of the other.
    return matrix._nnz() / max(1, prod(matrix.shape[:-1]))


def _matrix_product(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # (..., L, K) @ (..., K, M): each output is a sum over K.
    return Work(round(outputs[0].numel() * _depth(arguments[0])))


def _matrix_product_onto(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # addmm(bias, a, b)
    size = outputs[0].numel()
    return Work(round(size * _depth(arguments[1])), size)


def _linear(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # linear(input, weight, bias)
    has_bias = len(arguments) > 2 and arguments[2] is not None
    size = outputs[0].numel()
    return Work(size * arguments[0].shape[-1], size if has_bias else 0)


def _batch_sum_of_products_onto(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # addbmm(bias, a, b): the products are summed over the batch too.
    batch, _, depth = arguments[1].shape
    return Work(outputs[0].numel() * batch * depth, outputs[0].numel())


def _grouped_product(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # (M, T) @ (T, N) with groups along T gives (G, M, N); all other forms are plain products.
    left, right = arguments[:2]
    if left.dim() == right.dim() == 2:
        return Work(left.numel() * right.shape[-1])
    return _matrix_product(arguments, outputs)


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
    applied_to = source if transposed is True else outputs[0]
    spatial = applied_to.shape[2 - weight.dim() :]
    batch = outputs[0].shape[0] if outputs[0].dim() == weight.dim() else 1
    return Work(batch * prod(spatial) * weight.numel(), 0 if bias is None else outputs[0].numel())


def _convolution_without_bias(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    return _convolution([*arguments[:2], None], outputs)


def _convolution_then_kernel(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # slow_conv2d(input, weight, kernel_size, bias, ...)
    bias = arguments[3] if len(arguments) > 3 else None
    return _convolution([*arguments[:2], bias], outputs)


def _transposed_then_kernel(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    bias = arguments[3] if len(arguments) > 3 else None
    return _convolution([*arguments[:2], bias, 1, 0, 1, True], outputs)


def _transposed_without_bias(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    return _convolution([*arguments[:2], None, 1, 0, 1, True], outputs)


def _convolution_time_first(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # conv_tbc(input (T, N, C_in), weight (K, C_in, C_out), bias)
    kernel, channels, _ = arguments[1].shape
    return Work(outputs[0].numel() * kernel * channels, outputs[0].numel())


def _convolution_backward(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # convolution_backward(gradient, input, weight, bias sizes, stride, padding, dilation,
    # transposed, output padding, groups, mask): the gradients of input and of weight each take
    # what the forward took.
    gradient, source, weight, bias, *_ = arguments
    transposed, mask = arguments[7], arguments[10]
    once = _convolution([source, weight, None, 1, 0, 1, transposed], [gradient]).macs
    has_bias = bool(bias) and mask[2]
    return Work(once * (mask[0] + mask[1]), gradient.numel() if has_bias else 0)


def _attention(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # query (N, heads, L, E), key (N, heads, S, E), value (N, heads, S, V)
    query, key, value = arguments[:3]
    scores = prod(query.shape[:-1]) * key.shape[-2]
    # Scaling and softmax visit each score once.
    return Work(scores * (query.shape[-1] + value.shape[-1]), 2 * scores)


def _attention_heads_last(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # query (N, L, heads, E), key (N, S, heads, E), value (N, S, heads, V)
    return _attention([tensor.transpose(1, 2) for tensor in arguments[:3]], outputs)


def _attention_backward(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # (gradient, query, key, value, ...): the scores are computed again, then the gradients of
    # value and weights (L · S · V each), of query and key (L · S · E each).
    _, query, key, value = arguments[:4]
    scores = prod(query.shape[:-1]) * key.shape[-2]
    return Work(scores * (3 * query.shape[-1] + 2 * value.shape[-1]), 3 * scores)


def _linear_backward(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # linear_backward(input, gradient, weight, mask)
    source, gradient, _, mask = arguments[:4]
    once = gradient.numel() * source.shape[-1]
    return Work(once * (mask[0] + mask[1]), gradient.numel() if mask[2] else 0)


def _recurrent(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # mkldnn_rnn_layer(input, input weights, hidden weights, ...): each is applied at each step.
    source, of_inputs, of_hidden = arguments[:3]
    steps = source.numel() // source.shape[-1]
    return Work(steps * (of_inputs.numel() + of_hidden.numel()), outputs[0].numel())


def _recurrent_layers(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # _cudnn_rnn(input, weights, ...): biases have one axis.
    source, weights = arguments[:2]
    steps = source.numel() // source.shape[-1]
    matrices = sum(weight.numel() for weight in weights if weight.dim() > 1)
    return Work(steps * matrices, outputs[0].numel())


def _distances(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # _cdist_forward(x (..., P, M), y (..., R, M), p): a Euclidean distance is a sum of M products.
    terms = outputs[0].numel() * arguments[0].shape[-1]
    euclidean = len(arguments) < 3 or arguments[2] == 2
    return Work(terms, outputs[0].numel()) if euclidean else Work(elements=terms)


def _sum_of_triple_products(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # _trilinear(a, b, c, new axes of a, of b, of c, summed axes): each term has a product more
    # than a multiply-accumulate, which is counted as an element visited.
    shapes = []
    for tensor, axes in zip(arguments[:3], arguments[3:6], strict=True):
        shape = list(tensor.shape)
        for axis in sorted(axes):
            shape.insert(axis, 1)
        shapes.append(shape)
    terms = prod(torch.broadcast_shapes(*shapes))
    return Work(terms, terms)


PRODUCTS: dict[Any, Rule] = {
    aten.linear: _linear,
    aten.dot: _dot,
    aten.vdot: _dot,
    aten.addbmm: _batch_sum_of_products_onto,
    aten.addr: _outer_onto,
    **by_rule(
        _matrix_product,
        """
        mm bmm mv _int_mm _scaled_mm _scaled_mm_v2 _weight_int8pack_mm _weight_int4pack_mm
        _weight_int4pack_mm_for_cpu _weight_int4pack_mm_with_scales_and_zeros
        _dyn_quant_matmul_4bit _mixed_dtypes_linear _sparse_sparse_matmul _sparse_mm_reduce_impl
        hspmm
        """,
    ),
    **by_rule(_matrix_product_onto, "addmm addmv baddbmm _addmm_activation _sparse_addmm sspaddmm"),
    **by_rule(_grouped_product, "_grouped_mm _scaled_grouped_mm _scaled_grouped_mm_v2"),
    **by_rule(_linear, "mkldnn_linear"),
    **by_rule(
        _convolution,
        """
        convolution _convolution mkldnn_convolution convolution_overrideable
        _nnpack_spatial_convolution        miopen_convolution miopen_depthwise_convolution
        """,
    ),
    **by_rule(
        _convolution_without_bias,
        """
        cudnn_convolution _mps_convolution cudnn_convolution_relu miopen_convolution_relu
        cudnn_convolution_add_relu miopen_convolution_add_relu
        """,
    ),
    **by_rule(
        _convolution_then_kernel,
        """
        _slow_conv2d_forward slow_conv3d_forward slow_conv_dilated2d slow_conv_dilated3d
        _conv_depthwise2d conv_depthwise3d
        """,
    ),
    **by_rule(_transposed_then_kernel, "slow_conv_transpose2d slow_conv_transpose3d"),
    **by_rule(
        _transposed_without_bias,
        "cudnn_convolution_transpose miopen_convolution_transpose _mps_convolution_transpose",
    ),
    **by_rule(_convolution_time_first, "conv_tbc"),
    **by_rule(_convolution_backward, "convolution_backward convolution_backward_overrideable"),
    **by_rule(_linear_backward, "linear_backward"),
    **by_rule(
        _attention,
        """
        scaled_dot_product_attention _scaled_dot_product_flash_attention_for_cpu
        _scaled_dot_product_flash_attention _scaled_dot_product_efficient_attention
        _scaled_dot_product_cudnn_attention _scaled_dot_product_fused_attention_overrideable
        _scaled_dot_product_attention_math_for_mps _cudnn_attention_forward
        _triton_scaled_dot_attention
        """,
    ),
    **by_rule(_attention_heads_last, "_efficient_attention_forward"),
    **by_rule(
        _attention_backward,
        """
        _scaled_dot_product_flash_attention_backward
        _scaled_dot_product_flash_attention_for_cpu_backward
        _scaled_dot_product_efficient_attention_backward
        _scaled_dot_product_cudnn_attention_backward
        _scaled_dot_product_fused_attention_overrideable_backward _cudnn_attention_backward
        """,
    ),
    **by_rule(_recurrent, "mkldnn_rnn_layer"),
    **by_rule(_recurrent_layers, "_cudnn_rnn miopen_rnn"),
    **by_rule(_distances, "_cdist_forward _euclidean_dist"),
    **by_rule(_sum_of_triple_products, "_trilinear"),
}

# What computes products, and how many depends on values, on the algorithm, or on sizes that no
# tensor of the call has. They are called unknown, and no total is given.
_WITHOUT_RULE = """
_cdist_backward _cholesky_solve_helper _compute_linear_combination _cslt_sparse_mm
    _cslt_sparse_mm_search _cudnn_rnn_backward _efficient_attention_backward
    _flash_attention_backward _flash_attention_forward _flash_attention_forward_no_dropout_inplace
    _foreach_mm
    _linalg_det _linalg_eigh _linalg_eigvals _linalg_slogdet _linalg_solve_ex _linalg_svd
    _lstm_mps _native_multi_head_attention _sparse_mm_reduce_impl_backward
    _sparse_semi_structured_addmm _sparse_semi_structured_linear _sparse_semi_structured_mm
    _spsolve _transformer_encoder_layer_fwd _triton_multi_head_attention cholesky cholesky_inverse
    cholesky_solve geqrf linalg_cholesky_ex linalg_eig linalg_eigvals linalg_householder_product
    linalg_inv_ex linalg_ldl_factor_ex linalg_ldl_solve linalg_lstsq linalg_lu linalg_lu_factor_ex
    linalg_lu_solve linalg_matrix_exp linalg_pinv linalg_qr linalg_solve_triangular
    lstm_mps_backward matmul_backward miopen_rnn_backward mkldnn_linear_backward
    mkldnn_linear_backward_input mkldnn_linear_backward_weights mkldnn_rnn_layer_backward
    mps_convolution_backward mps_convolution_transpose_backward ormqr quantized_gru quantized_lstm
    _slow_conv2d_backward sparse_sampled_addmm triangular_solve _pdist_backward
"""
UNKNOWN_PRODUCTS = frozenset(_WITHOUT_RULE.split())
