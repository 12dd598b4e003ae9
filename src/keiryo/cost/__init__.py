"""What a module costs before it runs.

This room weighs any `nn.Module`; it must never know keiryo's own families.

One multiply-accumulate is one multiplication with the addition that follows it.
Convolutions, matrix products and attention are counted; biases, normalisation,
pooling, activations and other element-wise work are not. Padded positions count,
as they do in W·H·K·K·C_in·C_out. It is never called a FLOP: that would be two.
"""

from keiryo.cost.count import count_cost

__all__ = ["count_cost"]
