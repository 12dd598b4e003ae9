"""The definition of a multiply-accumulate, and what is counted beside it.

Nothing else defines it; every output repeats `CONVENTION`.
"""

CONVENTION = (
    "One multiply-accumulate (MAC) is one multiplication with the addition that follows it; "
    "it is never called a FLOP, which would be half of it. Convolutions, matrix products and "
    "attention are counted in MACs, positions that fall on padding included. Biases, "
    "normalisation, pooling, activations, softmax and other element-wise work are not MACs: "
    "they are counted apart, as elements visited (a bias or an element-wise operator visits "
    "each output once, a reduction each input, pooling each place of its window, a fast Fourier "
    "transform of N points each of them log2 N times). Copies and views do no work. Activations "
    "are the outputs of all layers, for one example unless a batch is given, with every "
    "floating-point number in one format, float32 unless another is named; the peak is what an "
    "inference must hold at once, input included, weights not. Kernels may take memory of their "
    "own: where that could raise the peak, it is called a lower bound. The receptive field is "
    "that of the last layer whose output still has positions, the largest over its positions; "
    "normalisation does not widen it."
)
