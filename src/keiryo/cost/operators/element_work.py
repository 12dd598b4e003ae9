"""The operators without multiply-accumulates, by what they do instead."""

from collections.abc import Sequence
from math import ceil, log2, prod
from typing import Any

import torch
from torch import Tensor

from keiryo.cost.operators.work import (
    NOTHING,
    Rule,
    Work,
    aten,
    by_rule,
    packets,
    visits,
    visits_outputs,
)


def _dropout(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # dropout(input, share, training): in evaluation it returns its input.
    return visits(arguments, outputs) if arguments[2] else NOTHING


def _window_pooling(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # pool(input, kernel_size, ...): every place of every window; one figure for all axes.
    kernel = arguments[1]
    axes = arguments[0].dim() - 2 if arguments[0].dim() > 2 else 1
    window = prod(kernel) if len(kernel) > 1 else kernel[0] ** (axes if len(kernel) else 0)
    return Work(elements=outputs[0].numel() * window)


def _fourier_transform(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # (input, axes, ...): a fast transform of N points visits each in log2(N) stages.
    source, axes = arguments[:2]
    largest = source if source.numel() >= outputs[0].numel() else outputs[0]
    points = prod(largest.shape[axis] for axis in axes)
    return Work(elements=largest.numel() * max(1, ceil(log2(max(2, points)))))


def _pairwise(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    # _pdist_forward(x (P, M)): a distance of M terms for each pair of rows.
    return Work(elements=outputs[0].numel() * arguments[0].shape[-1])


POOLING = by_rule(
    _window_pooling,
    """
    max_pool2d_with_indices max_pool3d_with_indices avg_pool2d avg_pool3d mkldnn_max_pool2d
    mkldnn_max_pool3d quantized_max_pool1d quantized_max_pool2d quantized_max_pool3d
    """,
)

NORMALIZATION = by_rule(
    visits_outputs,
    """
    batch_norm group_norm layer_norm rms_norm native_batch_norm _native_batch_norm_legit
    _native_batch_norm_legit_no_training native_group_norm native_layer_norm _fused_rms_norm
    cudnn_batch_norm miopen_batch_norm quantized_batch_norm _batch_norm_with_update
    _batch_norm_no_update _batch_norm_with_update_functional _native_batch_norm_legit_functional
    """,
)

TRANSFORMS = by_rule(_fourier_transform, "_fft_c2c _fft_c2r _fft_r2c")

# Element-wise operators, reductions, losses and searches that have neither of PyTorch's tags.
VISITS = by_rule(
    visits,
    """
    _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d mkldnn_adaptive_avg_pool2d
    avg_pool1d fractional_max_pool2d fractional_max_pool3d
    softmax _softmax log_softmax _log_softmax _safe_softmax _masked_softmax _sparse_softmax
    _sparse_log_softmax _nested_tensor_softmax_with_shape
    _prelu_kernel glu hardswish rrelu_with_noise rrelu_with_noise_functional log_sigmoid_forward
    _add_relu _masked_scale native_dropout _fused_dropout floor_divide __and__ __or__ __irshift__
    complex polar fill index_fill masked_scatter glu_jvp glu_backward_jvp
    upsample_bilinear2d _upsample_bilinear2d_aa upsample_bicubic2d _upsample_bicubic2d_aa
    _upsample_lanczos2d_aa upsample_linear1d upsample_trilinear3d grid_sampler_2d grid_sampler_3d
    _grid_sampler_2d_cpu_fallback cudnn_grid_sampler affine_grid_generator
    cudnn_affine_grid_generator col2im
    cumsum cumprod cummax cummin _cummax_helper _cummin_helper logcumsumexp _logcumsumexp
    sort topk argsort kthvalue median nanmedian mode unique_consecutive unique_dim
    unique_dim_consecutive _unique _unique2 isin nonzero nonzero_static bucketize searchsorted
    histc histogram _histogramdd_from_bin_cts _histogramdd_from_bin_tensors _histogramdd_bin_edges
    bincount hash_tensor
    scatter_add scatter_reduce index_add index_reduce segment_reduce _embedding_bag
    _embedding_bag_forward_only embedding_renorm renorm _unsafe_masked_index_put_accumulate
    tril triu trace dist linalg_cross native_norm _aminmax allclose _is_all_true _is_any_true
    _sparse_sum _sparse_csr_sum _sparse_csr_prod _weight_norm_interface
    _transform_bias_rescale_qkv
    batch_norm_stats batch_norm_elemt batch_norm_gather_stats batch_norm_update_stats
    batch_norm_gather_stats_with_counts
    binary_cross_entropy binary_cross_entropy_with_logits mse_loss smooth_l1_loss huber_loss
    soft_margin_loss multi_margin_loss multilabel_margin_loss_forward nll_loss_forward
    nll_loss2d_forward _ctc_loss _cudnn_ctc_loss miopen_ctc_loss
    uniform normal bernoulli random cauchy exponential geometric log_normal poisson binomial
    multinomial normal_functional _standard_gamma _sample_dirichlet rand randn randint rand_like
    randn_like randint_like randperm _philox_normal _philox_uniform
    bartlett_window blackman_window hamming_window hann_window kaiser_window
    quantize_per_tensor quantize_per_channel quantize_per_tensor_dynamic dequantize
    fake_quantize_per_tensor_affine_cachemask fake_quantize_per_channel_affine_cachemask
    _fake_quantize_per_tensor_affine_cachemask_tensor_qparams
    _fake_quantize_learnable_per_tensor_affine _fake_quantize_learnable_per_channel_affine
    _fused_moving_avg_obs_fq_helper _fused_moving_avg_obs_fq_helper_functional
    _thnn_fused_lstm_cell _thnn_fused_gru_cell _dirichlet_grad _standard_gamma_grad
    _amp_foreach_non_finite_check_and_unscale _amp_update_scale
    """,
)

# Upsampling by repeating the nearest element.
REPETITIONS = packets(
    """
    upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d
    _upsample_nearest_exact2d _upsample_nearest_exact3d
    """
)

# Copies, rearrangements, new tensors, other layouts and questions: nothing is computed.
MOVES = packets(
    """
    _local_scalar_dense _to_copy _unsafe_index _unsafe_view arange as_strided_ cat
    channel_shuffle clone constant_pad_nd copy copy_ embedding empty empty_like empty_permuted
    empty_strided eye flip full full_like gather im2col index index_copy index_put
    index_select linspace masked_select max_unpool2d new_empty new_full new_ones new_zeros ones
    ones_like pixel_shuffle pixel_unshuffle reflection_pad1d reflection_pad2d reflection_pad3d
    repeat repeat_interleave replication_pad1d replication_pad2d replication_pad3d resize_ roll
    scalar_tensor scatter select_scatter set_ slice_scatter squeeze_ stack sym_size t_
    transpose_ unsqueeze_ zero zero_ zeros zeros_like detach_ lift lift_fresh lift_fresh_copy
    _pad_circular _conj_copy _lazy_clone _copy_from _copy_from_and_resize _chunk_cat _stack
    block_diag diag_embed logspace range rot90 take put _index_put_impl _unsafe_index_put
    _unsafe_masked_index max_unpool3d new_empty_strided narrow_copy from_file tril_indices
    triu_indices as_strided_scatter diagonal_scatter unsafe_split unsafe_split_with_sizes
    lu_unpack _spdiags _mkldnn_reshape _mkldnn_transpose mkldnn_reorder_conv2d_weight
    mkldnn_reorder_conv3d_weight to_mkldnn _pin_memory record_stream
    _assert_async _functional_assert_async _assert_scalar _functional_assert_scalar
    _assert_tensor_metadata _linalg_check_errors sym_constrain_range
    sym_constrain_range_for_size _functional_sym_constrain_range
    _functional_sym_constrain_range_for_size _print _make_dep_token
    _validate_compressed_sparse_indices
    resize resize_as resize_as_sparse _resize_output set is_coalesced is_pinned is_same_size
    is_set_to _has_same_storage_numel _use_cudnn_ctc_loss _use_miopen_ctc_loss _fused_sdp_choice
    size stride sym_stride split slice sparse_dim dense_dim _dimI _dimV _nnz values _coalesced
    q_scale q_zero_point q_per_channel_scales q_per_channel_zero_points q_per_channel_axis qscheme
    int_repr _make_per_tensor_quantized_tensor _make_per_channel_quantized_tensor empty_quantized
    _empty_affine_quantized _empty_per_channel_affine_quantized _efficientzerotensor
    _cudnn_init_dropout_state _cudnn_rnn_flatten_weight _fill_mem_eff_dropout_mask_
    _convert_weight_to_int4pack _convert_weight_to_int4pack_for_cpu _dyn_quant_pack_4bit_weight
    _cslt_compress _sparse_semi_structured_tile _sparse_semi_structured_apply
    _sparse_semi_structured_apply_dense _to_sparse_semi_structured
    _pack_padded_sequence _to_dense _to_sparse _to_sparse_bsc _to_sparse_bsr _to_sparse_csc
    _to_sparse_csr _coalesce _convert_indices_from_coo_to_csr _convert_indices_from_csr_to_coo
    sparse_coo_tensor sparse_compressed_tensor _sparse_compressed_tensor_with_dims
    _sparse_coo_tensor_with_dims _sparse_coo_tensor_with_dims_and_tensors _sparse_mask_projection
    sparse_mask sparse_resize sparse_resize_and_clear copy_sparse_to_sparse
    _jagged_to_padded_dense_forward _padded_dense_to_jagged_forward to_padded_tensor
    _nested_compute_contiguous_strides_offsets _nested_from_padded
    _nested_from_padded_and_nested_example _nested_from_padded_tensor _nested_get_jagged_dummy
    _nested_get_lengths _nested_get_max_seqlen _nested_get_min_seqlen _nested_get_offsets
    _nested_get_ragged_idx _nested_tensor_from_mask _nested_tensor_from_mask_left_aligned
    _nested_tensor_from_tensor_list _nested_tensor_size _nested_tensor_storage_offsets
    _nested_tensor_strides _new_zeros_with_same_feature_meta _philox_key_fold_in
    _philox_key_split fft_fftfreq fft_rfftfreq
    """
) | {torch.ops.prim.device, torch.ops.prim.layout}

# PyTorch composes these of others, which are counted; they are only run under these names where
# the result's tensor is given.
COMPOSED = packets(
    """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d avg_pool1d log_softmax rand randn
    __and__ __or__ _sparse_softmax _sparse_log_softmax _sparse_sum _upsample_lanczos2d_aa
    """
)

ELEMENT_WORK: dict[Any, Rule] = (
    POOLING
    | NORMALIZATION
    | TRANSFORMS
    | VISITS
    | {aten.dropout: _dropout}
    | by_rule(_pairwise, "_pdist_forward")
)
