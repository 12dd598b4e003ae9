"""Closed formulas of a layer's cost, from its hyperparameters and its input's shape alone.

They use no tensors, so that they can be compared with a count of what really ran.
Shapes are (N, C, H, W) and the like; `spatial` is what follows N and C. All counts
are for the whole batch.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import prod


def output_length(
    length: int, *, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """Return the number of output positions of a convolution or pooling along one axis.

    `padding` is the sum of both sides. Dumoulin & Visin 2016, "A guide to convolution
    arithmetic for deep learning", relationship 6 with the dilated kernel of section 5.1.
    """
    return (length + padding - dilation * (kernel - 1) - 1) // stride + 1


def transposed_output_length(
    length: int,
    *,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
) -> int:
    """Return the number of output positions of a transposed convolution along one axis.

    `padding` is the sum of both sides. Dumoulin & Visin 2016, relationship 14.
    """
    return (length - 1) * stride - padding + dilation * (kernel - 1) + output_padding + 1


def convolution_macs(
    batch: int,
    output_spatial: Sequence[int],
    kernel: Sequence[int],
    in_channels: int,
    out_channels: int,
    groups: int = 1,
) -> int:
    """Return N · H·W · K² · C_in · C_out / groups, with H and W of the output.

    Ordinary convolution: Howard et al. 2017, "MobileNets", section 3.1, equation 2;
    dilation changes nothing but H and W. With `groups` = C_in this is the depthwise
    step (equation 4), with K = 1 the pointwise one. Every position counts, whether its
    window lies on the input or on padding.
    """
    return batch * prod(output_spatial) * prod(kernel) * in_channels * out_channels // groups


def transposed_convolution_macs(
    batch: int,
    input_spatial: Sequence[int],
    kernel: Sequence[int],
    in_channels: int,
    out_channels: int,
    groups: int = 1,
) -> int:
    """Return N · H·W · K² · C_in · C_out / groups, with H and W of the input.

    Each input is multiplied with the whole kernel; places that `padding` then cuts off count
    too (Dumoulin & Visin 2016, section 4: the convolution with its passes swapped).
    """
    return batch * prod(input_spatial) * prod(kernel) * in_channels * out_channels // groups


def depthwise_separable_ratio(out_channels: int, kernel: Sequence[int]) -> Fraction:
    """Return 1/C_out + 1/K²: the cost of both steps over that of the ordinary convolution.

    Howard et al. 2017, section 3.1, below equation 5.
    """
    return Fraction(1, out_channels) + Fraction(1, prod(kernel))


def taps_on_input(
    length: int, outputs: int, *, kernel: int, stride: int, padding: int, dilation: int
) -> int:
    """Return the number of pairs of output position and kernel tap that fall on the input.

    The others fall on padding. It is for one axis, with `padding` before the first position:
    output i and tap t fall on input i · stride - padding + t · dilation.
    """
    pairs = 0
    for tap in range(kernel):
        shift = padding - tap * dilation
        first = max(0, -(-shift // stride))
        last = min(outputs - 1, (length - 1 + shift) // stride)
        pairs += max(0, last - first + 1)
    return pairs


def linear_macs(positions: int, in_features: int, out_features: int) -> int:
    """Return positions · in · out; `positions` is the product of all dimensions but the last."""
    return positions * in_features * out_features


def attention_macs(
    batch: int,
    queries: int,
    keys: int,
    *,
    embedding: int,
    key_features: int,
    value_features: int,
    extra_keys: int = 0,
) -> int:
    """Return the multiply-accumulates of multi-head attention with its four projections.

    Vaswani et al. 2017, "Attention Is All You Need", section 3.2.2: queries, keys and
    values are projected to `embedding`, which all heads share; QKᵀ and its product with V
    take queries · keys · embedding each, whatever the number of heads. `extra_keys` are
    attended to but not projected (a learned or zero key).
    """
    projections = embedding * (
        queries * embedding + keys * key_features + keys * value_features + queries * embedding
    )
    return batch * (projections + 2 * queries * (keys + extra_keys) * embedding)


def recurrent_macs(
    steps: int, inputs: int, hidden: int, *, gates: int, output: int | None = None
) -> int:
    """Return steps · gates · hidden · (inputs + output) for one layer and direction.

    Gates: 1 plain, 3 GRU (Cho et al. 2014), 4 LSTM (Hochreiter & Schmidhuber 1997).
    `output` is the size that is fed back if a projection follows the cell (Sak et al.
    2014); the projection takes another steps · hidden · output. `steps` is the sum over all
    sequences.
    """
    if output is None or output == hidden:
        return steps * gates * hidden * (inputs + hidden)
    return steps * (gates * hidden * (inputs + output) + hidden * output)


def pooling_elements(
    batch: int, channels: int, output_spatial: Sequence[int], kernel: Sequence[int]
) -> int:
    """Return N · C · H·W · K² with H and W of the output: every place of every window."""
    return batch * channels * prod(output_spatial) * prod(kernel)


def normalization_elements(batch: int, channels: int, spatial: Sequence[int]) -> int:
    """Return N · C · H·W: every element is shifted and scaled once.

    This holds for batch norm (Ioffe & Szegedy 2015, algorithm 2, its inference form), layer
    norm (Ba et al. 2016), instance norm (Ulyanov et al. 2016) and group norm (Wu & He 2018);
    they differ only in what the statistics are taken over.
    """
    return batch * channels * prod(spatial)
