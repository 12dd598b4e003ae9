"""Mu-law: 256 codes for samples, finer near silence than near full scale.

This is the companding of ITU-T G.711 as in WaveNet (van den Oord et al. 2016, section 2.2):
f(x) = sign(x) · ln(1 + µ|x|) / ln(1 + µ) with µ = 255, divided into 256 equal parts of [-1, 1].
Unlike the bytes of a telephone line, the codes increase with the samples.
"""

from functools import cache

import numpy as np

CODES = 256
MU = CODES - 1
# The code of a sample of 0. None decodes to exactly 0: this one decodes to 0.00009.
SILENCE = 128


def encode(samples: np.ndarray) -> np.ndarray:
    """Return the codes, uint8, of `samples` in [-1, 1], float32, of any shape.

    Samples outside are clipped. Raises ValueError if one is NaN.
    """
    # Looked up, not computed: the logarithms of two processors may give a sample at the edge of two
    # codes different codes.
    samples = np.asarray(samples, np.float32)
    if np.isnan(samples).any():
        raise ValueError("samples that are not a number have no code")
    return np.searchsorted(_edges(), samples, side="right").astype(np.uint8)


def decode(codes: np.ndarray) -> np.ndarray:
    """Return the samples, float32 in [-1, 1], of `codes`, integers of any shape.

    Raises ValueError if a code is not from 0 to 255.
    """
    codes = np.asarray(codes)
    if codes.size and not (codes.min() >= 0 and codes.max() < CODES):
        raise ValueError(f"codes reach from {codes.min()} to {codes.max()}; there are 0 to {MU}")
    return _levels()[codes]


@cache
def _levels() -> np.ndarray:
    """Return the sample in the middle of each code, (256,), float32."""
    return _expand(np.arange(CODES) / MU * 2 - 1)


@cache
def _edges() -> np.ndarray:
    """Return the least sample of each code but the first, (255,), float32."""
    return _expand((np.arange(1, CODES) - 0.5) / MU * 2 - 1)


def _expand(companded: np.ndarray) -> np.ndarray:
    size = np.expm1(np.abs(companded) * np.log1p(MU)) / MU
    return (np.sign(companded) * size).astype(np.float32)
