"""Arithmetic that is written out for speed, against double precision."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keiryo.kernels.products import multiply, pack_matrix
from keiryo.kernels.quantization import quantize, quantize_rows
from keiryo.kernels.vector import exponential, load, store, tanh_sigmoid


@numba.njit
def gate_all(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    for at in range(0, len(a), 16):
        store(out, at, tanh_sigmoid(load(a, at), load(b, at)))


@numba.njit
def exponential_of_all(a: np.ndarray, out: np.ndarray) -> None:
    for at in range(0, len(a), 16):
        store(out, at, exponential(load(a, at)))


def test_gated_units_are_within_a_millionth() -> None:
    random = np.random.default_rng(0)
    spread = 10.0 ** random.uniform(-6, 3, (2, 160_000))
    a, b = (spread * random.choice([-1, 1], spread.shape)).astype(np.float32)
    out = np.empty_like(a)
    gate_all(a, b, out)
    with np.errstate(over="ignore"):
        expected = np.tanh(a.astype(float)) / (1 + np.exp(-b.astype(float)))
    assert np.abs(out - expected).max() < 5e-7


def test_powers_are_within_some_last_places() -> None:
    a = np.linspace(-87, 88, 160_000, dtype=np.float32)
    out = np.empty_like(a)
    exponential_of_all(a, out)
    expected = np.exp(a.astype(float))
    assert (np.abs(out - expected) / expected).max() < 3e-7


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_nan_stays_nan_and_infinity_saturates(wrong: float) -> None:
    a, b, out = np.zeros((3, 16), np.float32)
    a[3] = b[5] = wrong
    a[5] = 1
    gate_all(a, b, out)
    expected = np.nan if np.isnan(wrong) else 0.5
    np.testing.assert_allclose(out[3], expected, rtol=1e-6)
    np.testing.assert_allclose(out[5], expected * 2 * np.tanh(1), rtol=1e-6)
    assert np.isfinite(np.delete(out, [3, 5])).all()


@settings(max_examples=25)
@given(
    rows=st.integers(1, 11),
    columns=st.integers(1, 9),
    streams=st.integers(1, 9),
    kind=st.sampled_from([np.float32, np.int8]),
)
def test_products_of_packed_matrices(rows: int, columns: int, streams: int, kind: type) -> None:
    random = np.random.default_rng(rows)
    rows, columns = 16 * rows, 16 * columns
    matrix = random.integers(-127, 128, (rows, columns)).astype(kind)
    x = random.normal(size=(streams, columns)).astype(np.float32)
    y = np.ones((streams, rows), np.float32)
    scales, x_scales = random.uniform(1, 2, rows).astype(np.float32), np.ones(streams, np.float32)
    expected = 1 + x.astype(float) @ (matrix * scales[:, None].astype(float)).T
    taken = x.ravel()
    if kind is np.int8:
        taken = np.zeros(streams * columns, np.int16)
        quantize(x.ravel(), columns, streams, taken, x_scales)
    else:
        expected = 1 + x.astype(float) @ matrix.T.astype(float)
    multiply(
        *(pack_matrix(matrix), 0, scales, 0, rows, columns, streams),
        *(taken, columns, x_scales, y.reshape(-1), rows),
    )
    tolerance = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance)


def test_products_of_whole_numbers_do_not_overflow() -> None:
    columns = 2048
    matrix = np.full((16, columns), 127, np.int8)
    x = np.ones(columns, np.float32)
    y, scales, x_scales = np.zeros(16, np.float32), np.ones(16, np.float32), np.ones(1, np.float32)
    whole = np.zeros(columns, np.int16)
    quantize(x, columns, 1, whole, x_scales)
    multiply(pack_matrix(matrix), 0, scales, 0, 16, columns, 1, whole, columns, x_scales, y, 16)
    np.testing.assert_allclose(y, 127 * columns, rtol=1e-4)


def test_rows_are_rounded_to_half_a_127th_of_their_largest() -> None:
    matrix = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
    matrix[3] = 0
    whole, scales = quantize_rows(matrix)
    away = np.abs(whole * scales[:, None] - matrix).max(1)
    assert (away <= np.abs(matrix).max(1) / 127 * 0.5001).all()
    assert np.abs(whole).max() == 127
