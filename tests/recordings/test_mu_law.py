import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from keiryo.recordings.mu_law import CODES, SILENCE, decode, encode

FULL_SCALE = st.floats(-1, 1, width=32)


@given(arrays.arrays(np.float32, st.integers(1, 50), elements=FULL_SCALE))
def test_a_sample_comes_back_within_half_a_step(samples: np.ndarray) -> None:
    codes = encode(samples)
    assert codes.dtype == np.uint8

    def companded(x: np.ndarray) -> np.ndarray:
        x = x.astype(np.float64)
        return np.sign(x) * np.log1p(255 * np.abs(x)) / np.log(256)

    apart = np.abs(companded(decode(codes)) - companded(samples))
    assert apart.max() <= 1 / 255 + 1e-6
    # Which in samples is more the louder they are, and nowhere more than this.
    assert np.all(np.abs(decode(codes) - samples) <= 0.022 * np.abs(samples) + 1e-4)


@given(arrays.arrays(np.float32, st.integers(2, 50), elements=FULL_SCALE))
def test_codes_rise_with_samples(samples: np.ndarray) -> None:
    codes = encode(np.sort(samples)).astype(int)
    assert np.all(np.diff(codes) >= 0)


def test_every_code_comes_back_as_itself() -> None:
    codes = np.arange(CODES)
    np.testing.assert_array_equal(encode(decode(codes)), codes)
    assert np.all(np.diff(decode(codes)) > 0)
    assert decode(codes)[[0, 255]].tolist() == [-1, 1]


def test_codes_are_those_of_the_formula() -> None:
    samples = np.linspace(-1, 1, 20_001)
    companded = np.sign(samples) * np.log1p(255 * np.abs(samples)) / np.log(256)
    expected = np.floor((companded + 1) / 2 * 255 + 0.5)
    assert np.count_nonzero(encode(samples) != expected) <= 2  # those between two codes


def test_silence_and_what_is_beyond_full_scale() -> None:
    assert encode(np.array([0.0, 2.0, -np.inf])).tolist() == [SILENCE, 255, 0]
    assert abs(decode(np.array(SILENCE))) < 1e-4


def test_what_is_no_sample_and_no_code_is_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        encode(np.array([0.1, np.nan]))
    for code in (-1, 256):
        with pytest.raises(ValueError, match=str(code)):
            decode(np.array([3, code]))


def test_any_shape() -> None:
    samples = np.zeros((2, 3, 4), np.float32)
    assert decode(encode(samples)).shape == (2, 3, 4)
    assert encode(np.array([])).shape == (0,)
