"""Recordings that sound the same: other loudness, another format, a lossy copy.

Each recording becomes a small spectrogram of logarithmic levels without its mean, a vector of unit
length. Copies point in nearly the same direction, and their samples correlate; repetitions by one
speaker do not.
"""

from collections import defaultdict

import numpy as np

from keiryo.recordings.mu_law import decode
from keiryo.recordings.pack import RecordingPack

TIMES, BANDS = 32, 16
FRAME_SECONDS = 0.02
LONGEST_SECONDS = 30.0  # from the beginning of a recording
# Below the mean level there is noise, which lossy copies change.
FLOOR = 1e-3
LIKENESS = 0.985
# Copies agree in phase too: the highest correlation of the samples, at any shift.
LEAST_CORRELATION = 0.95
# Copies differ in length by the padding of lossy formats, and by what is cut off their ends.
LENGTH_SHARE, LENGTH_SECONDS = 0.02, 0.1
AT_ONCE = 2048
# A recording with so few frames has no spectrogram to compare.
FEWEST_FRAMES = 20


def groups_of_near_copies(pack: RecordingPack) -> list[list[int]]:
    """Return groups of rows that sound the same, exact copies included, in order.

    Recordings in which too little is to be heard are compared by their checksums alone.
    """
    parent = list(range(len(pack)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    first_with: dict[str, int] = {}
    for row, recording in enumerate(pack.header.recordings):
        parent[root(row)] = root(first_with.setdefault(recording.checksum, row))
    for one, other in _pairs(pack):
        if root(one) != root(other) and _correlation(pack, one, other) > LEAST_CORRELATION:
            parent[root(other)] = root(one)
    groups: dict[int, list[int]] = defaultdict(list)
    for row in range(len(pack)):
        groups[root(row)].append(row)
    return sorted(groups.values())


def _pairs(pack: RecordingPack) -> list[tuple[int, int]]:
    rows = np.argsort(pack.counts, kind="stable")
    described = [(row, sketch) for row in rows if (sketch := _sketch(pack, row)) is not None]
    if len(described) < 2:
        return []
    rows = np.array([row for row, _ in described])
    sketches = np.stack([sketch for _, sketch in described])
    counts = pack.counts[rows]
    longest = counts * (1 + LENGTH_SHARE) + LENGTH_SECONDS * pack.rate
    ends = np.searchsorted(counts, longest, side="right")
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(rows), AT_ONCE):
        stop = min(len(rows), start + AT_ONCE)
        for other in range(start, int(ends[stop - 1]), AT_ONCE):
            last = min(int(ends[stop - 1]), other + AT_ONCE)
            alike = sketches[start:stop] @ sketches[other:last].T >= LIKENESS
            for a, b in np.argwhere(alike):
                one, two = start + int(a), other + int(b)
                if one < two < ends[one]:
                    pairs.append((int(rows[one]), int(rows[two])))
    return pairs


def _correlation(pack: RecordingPack, one: int, other: int) -> float:
    """Return the highest correlation of two recordings, from 0 to 1, at any shift."""
    most = round(LONGEST_SECONDS * pack.rate)
    a, b = (decode(pack.recording(row)[:most]).astype(np.float64) for row in (one, other))
    a, b = a - a.mean(), b - b.mean()
    size = 1 << (len(a) + len(b) - 1).bit_length()
    products = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(products.max()) / lengths if lengths else 0.0


def _sketch(pack: RecordingPack, row: int) -> np.ndarray | None:
    """Return the vector of a recording, (TIMES · BANDS,), float32; None if it is too short."""
    size = max(4 * BANDS, round(FRAME_SECONDS * pack.rate))
    codes = pack.recording(int(row))[: round(LONGEST_SECONDS * pack.rate)]
    # Half a frame apart, so that a small shift changes little.
    count = (len(codes) - size) // (size // 2) + 1
    if count < FEWEST_FRAMES:
        return None
    samples = decode(codes)
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[:: size // 2][:count]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)))[:, 1:]
    bounds = np.geomspace(1, power.shape[1], BANDS + 1).round().astype(int)
    bounds = np.maximum.accumulate(np.maximum(bounds, np.arange(BANDS + 1) + 1))
    bands = np.add.reduceat(power, np.minimum(bounds[:-1] - 1, power.shape[1] - 1), axis=1)
    times = np.linspace(0, count - 1, TIMES * 4).round().astype(int)
    resized = bands[times].reshape(TIMES, 4, BANDS).mean(axis=1)
    mean = float(resized.mean())
    if mean <= 0:
        return None
    levels = np.log(resized / mean + FLOOR).ravel()
    levels -= levels.mean()
    length = float(np.linalg.norm(levels))
    return (levels / length).astype(np.float32) if length > 1e-6 else None
