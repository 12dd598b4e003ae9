"""The likelihood of samples under a discretised mixture of logistics.

Salimans et al. 2017, "PixelCNN++", section 2.1.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

PARAMETERS = 3  # of each component: logit of its share, mean, log scale
# The paper's code takes -7 as the least log scale for 256 levels: a quarter of a level's width.
_LEAST_LOG_SCALE_OF_256 = -7.0


def least_log_scale(levels: int) -> float:
    """Return the least log scale; a component much narrower than a level gains nothing."""
    return _LEAST_LOG_SCALE_OF_256 - math.log(levels / 256)


def mixture_log_likelihood(outputs: Tensor, samples: Tensor, *, levels: int) -> Tensor:
    """Return ln P(sample), equation 2, (N, T), of samples (N, T) from -1 to 1.

        P(x) = Σ π_i [σ((x + h - μ_i) / s_i) - σ((x - h - μ_i) / s_i)]

    where h is half the distance between two of the `levels` of samples; the lowest and the
    highest level get all the probability beyond them. `outputs` (N, 3 · mixtures, T): logits
    of π, then μ, then ln s. Divide by -ln 2 for bits.
    """
    logits, means, log_scales = outputs.chunk(PARAMETERS, dim=1)
    log_scales = log_scales.clamp(min=least_log_scale(levels))
    half = 1.0 / (levels - 1)
    x = samples[:, None]
    per_scale = torch.exp(-log_scales)
    above, below = (x + half - means) * per_scale, (x - half - means) * per_scale
    # σ(a) - σ(b) = σ(a) · σ(-b) · (1 - e^(b - a)), in logarithms, so that nothing rounds to 0.
    between = (
        functional.logsigmoid(above)
        + functional.logsigmoid(-below)
        + torch.log(-torch.expm1(-2 * half * per_scale))
    )
    at_lowest, at_highest = x < -1 + half, x > 1 - half
    inside = torch.where(at_highest, functional.logsigmoid(-below), between)
    inside = torch.where(at_lowest, functional.logsigmoid(above), inside)
    return torch.logsumexp(functional.log_softmax(logits, dim=1) + inside, dim=1)
