"""Held-out bits per sample: a WaveNet, ordinary convolutions of its size, linear prediction.

    .venv/bin/python benchmarks/wavenet_training.py --data FOLDER \
        --condition '(?P<digit>\\d)_(?P<speaker>[a-z]+)_' --minutes 30

Every figure is over the same held-out samples, each given its true past. Linear prediction
(Atal & Hanauer 1971) foretells a sample from as many before it as the WaveNet hears, by least
squares over the training recordings; the remainder's distribution is cut at the edges of the same
256 mu-law codes. Once its width is the same for all samples, once it follows the size of the last
remainders, as a network's does.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter
from scipy.special import ndtr

from keiryo import api
from keiryo.audio.plan import PACK_FOLDER
from keiryo.audio.training.evaluation import counts_of_codes, entropy_of_codes
from keiryo.audio.training.objective import NATS_PER_BIT
from keiryo.recordings.mu_law import CODES, MU, decode
from keiryo.recordings.pack import RecordingPack, open_recording_pack
from keiryo.recordings.split import split_recordings

RIDGE = 1e-6  # of the power, so that the equations can be solved
LEAST_PROBABILITY = 1e-9  # a code keeps, whatever is foretold
WIDTHS = np.geomspace(1e-4, 0.3, 40)
FACTORS = np.geomspace(0.3, 4.0, 16)
FORGETTING = (0.8, 0.9, 0.95, 0.98)
FITTED_SAMPLES = 300_000


class Row(NamedTuple):
    """A line of the table."""

    name: str
    bits: float
    parameters: int
    field: int


def main() -> None:
    """Train both networks, fit the predictors, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="tones")
    parser.add_argument("--condition")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each network")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="keep the trainings in this folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        out = options.out or Path(temporary)
        rows: list[Row] = []
        for name, is_dilated in (("WaveNet", True), ("not dilated", False)):
            trained = api.train_wavenet(
                options.data,
                condition=options.condition,
                minutes=options.minutes,
                is_dilated=is_dilated,
                threads=options.threads,
                out=out / name.replace(" ", "-"),
                force=True,
            )
            assert trained.val_bits_per_sample is not None, trained.error
            network = trained.network
            rows.append(
                Row(
                    f"{name}, {trained.steps} steps",
                    trained.val_bits_per_sample,
                    network.parameters,
                    network.receptive_field_samples,
                )
            )
        pack = open_recording_pack(out / "WaveNet" / PACK_FOLDER)
        splits = split_recordings(pack, seed=0)
        rows += linear_rows(pack, splits.train, splits.val, order=rows[0].field)
        guessing = entropy_of_codes(counts_of_codes(pack, splits.train)) / NATS_PER_BIT
        rows.append(Row("how often each code comes (in training)", guessing, CODES, 0))
        print("| what | held-out bits per sample | parameters | samples heard |")
        print("| --- | --- | --- | --- |")
        for row in rows:
            print(f"| {row.name} | {row.bits:.3f} | {row.parameters:,} | {row.field:,} |")


def linear_rows(
    pack: RecordingPack, train: np.ndarray, val: np.ndarray, *, order: int
) -> Iterator[Row]:
    """Yield linear predictors of both remainders and both kinds of width."""
    for companded in (False, True):
        coefficients = fitted(pack, train, order, companded=companded)
        some = train[:: max(1, int(pack.counts[train].sum()) // FITTED_SAMPLES)]
        fitting = [Predicted(pack, int(row), coefficients, companded) for row in some]
        held_out = [Predicted(pack, int(row), coefficients, companded) for row in val]
        space = "companded samples" if companded else "samples"
        for shape in ("Gaussian", "Laplace"):
            for name, choices in (
                ("one width", [(None, width) for width in WIDTHS]),
                ("width that follows", [(f, x) for f in FORGETTING for x in FACTORS]),
            ):
                choice = min(choices, key=lambda c, s=shape: bits(fitting, s, *c))
                yield Row(
                    f"linear in {space}, {shape}, {name}",
                    bits(held_out, shape, *choice),
                    order + 1,
                    order,
                )


def fitted(pack: RecordingPack, rows: np.ndarray, order: int, *, companded: bool) -> np.ndarray:
    """Return the coefficients (order,), of the last sample first, that leave the least square.

    By autocorrelation: silence comes before each recording and after it.
    """
    correlation = np.zeros(order + 1)
    for row in rows:
        samples = samples_of(pack, int(row), companded=companded)
        size = 1 << (len(samples) + order).bit_length()
        power = np.abs(np.fft.rfft(samples, size)) ** 2
        correlation += np.fft.irfft(power, size)[: order + 1]
    correlation[0] *= 1 + RIDGE
    return solve_toeplitz(correlation[:-1], correlation[1:])


def samples_of(pack: RecordingPack, row: int, *, companded: bool) -> np.ndarray:
    """Return a recording's samples, or its codes evenly from -1 to 1."""
    codes = pack.recording(row)
    return codes * (2.0 / MU) - 1 if companded else decode(codes).astype(np.float64)


class Predicted:
    """A recording with what is foretold of each sample: means, and edges of the code that came."""

    def __init__(
        self, pack: RecordingPack, row: int, coefficients: np.ndarray, companded: bool
    ) -> None:
        codes = pack.recording(row).astype(np.int64)
        samples = samples_of(pack, row, companded=companded)
        self.means = lfilter(np.concatenate(([0.0], coefficients)), [1.0], samples)
        self.remainders = np.abs(samples - self.means)
        edges = (np.arange(1, CODES) - 0.5) / MU * 2 - 1
        if not companded:
            edges = np.sign(edges) * np.expm1(np.abs(edges) * np.log1p(MU)) / MU
        bounds = np.concatenate(([-np.inf], edges, [np.inf]))
        self.low, self.high = bounds[codes], bounds[codes + 1]

    def widths(self, forgetting: float | None, factor: float) -> np.ndarray:
        """Return the width for each sample: `factor`, or that times the last remainders' mean."""
        if forgetting is None:
            return np.full(len(self.means), factor)
        mean = lfilter([0.0, 1 - forgetting], [1.0, -forgetting], self.remainders)
        return factor * mean + 1e-4


def bits(recordings: list[Predicted], shape: str, forgetting: float | None, factor: float) -> float:
    """Return the bits per sample of all recordings."""
    total, samples = 0.0, 0
    for one in recordings:
        widths = one.widths(forgetting, factor)
        low, high = (one.low - one.means) / widths, (one.high - one.means) / widths
        share = difference(low, high, shape) * (1 - CODES * LEAST_PROBABILITY) + LEAST_PROBABILITY
        total -= float(np.log2(share).sum())
        samples += len(share)
    return total / samples


def difference(low: np.ndarray, high: np.ndarray, shape: str) -> np.ndarray:
    """Return the probability between `low` and `high`, in widths from the mean."""
    # On the side where both are small, or nothing would be left of the difference.
    flip = low + high > 0
    low, high = np.where(flip, -high, low), np.where(flip, -low, high)
    if shape == "Gaussian":
        return ndtr(high) - ndtr(low)
    return laplace(high) - laplace(low)


def laplace(x: np.ndarray) -> np.ndarray:
    """Return the share of a Laplace distribution of scale 1 below `x`."""
    return np.where(x < 0, 0.5 * np.exp(np.minimum(x, 0)), 1 - 0.5 * np.exp(-np.maximum(x, 0)))


if __name__ == "__main__":
    main()
