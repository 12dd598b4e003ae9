"""The levels of a recording's samples: loudness, clicks, an offset from zero, clipping."""

import numpy as np

# A click is shorter than this, and so many times as loud as all else.
CLICK_SECONDS = 0.005
SHORTEST_AROUND_CLICK = 40  # times as long
CLICK_FACTOR = 10.0
# An offset is the median of the means of windows, if these hardly differ from each other.
WINDOWS_PER_SECOND = 20
FEWEST_WINDOWS = 10
LEAST_OFFSET = 0.002
OFFSET_SPREADS = 4.0
# A clipped crest stays at the largest value for so many samples, and leaps there.
CLIPPED_RUN = 3
LEAP = 0.9
FEWEST_CLIPPED = 5
CLIPPED_SHARE = 1e-4
SOFTEST_CLIPPED = 0.1


class Levels:
    """The levels of samples at `rate` samples a second, which come in blocks."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._lows: list[float] = []
        self._highs: list[float] = []
        self._means: list[np.ndarray] = []
        self._sum = 0.0
        self._loudest = np.empty(0, np.float32)
        self._most = max(1, round(CLICK_SECONDS * rate))
        self._click_at: int | None = None
        self.samples = 0

    def add(self, block: np.ndarray) -> None:
        """Add a block (T,) of at least one sample; all but the last are equally long."""
        low, high = float(block.min()), float(block.max())
        if max(-low, high) > self.peak:
            self._click_at = self.samples + int(np.abs(block).argmax())
        self._lows.append(low)
        self._highs.append(high)
        window = max(1, self._rate // WINDOWS_PER_SECOND)
        whole = len(block) // window * window
        self._means.append(block[:whole].reshape(-1, window).mean(axis=1, dtype=np.float64))
        loud = np.abs(block)
        if len(loud) > self._most:
            loud = np.partition(loud, len(loud) - self._most)[-self._most :]
        self._loudest = np.sort(np.concatenate((self._loudest, loud)))[-self._most :]
        self._sum += float(block.sum(dtype=np.float64))
        self.samples += len(block)

    @property
    def peak(self) -> float:
        """The loudest sample."""
        return max(max(self._highs, default=0.0), -min(self._lows, default=0.0))

    @property
    def range(self) -> float:
        """The distance from the lowest to the highest sample."""
        return max(self._highs) - min(self._lows)

    def peaks(self, offset: float) -> list[float]:
        """Return the largest distance from `offset` in each block."""
        return [
            max(high - offset, offset - low)
            for low, high in zip(self._lows, self._highs, strict=True)
        ]

    def offset(self) -> float:
        """Return the constant part of the samples; 0 if there is none to speak of."""
        means = np.concatenate(self._means)
        if len(means) < FEWEST_WINDOWS:
            # Too short for that, unless no sample is on the other side of zero.
            is_one_sided = min(self._lows) > LEAST_OFFSET or max(self._highs) < -LEAST_OFFSET
            return self._sum / self.samples if is_one_sided else 0.0
        median = float(np.median(means))
        spread = float(np.median(np.abs(means - median)))
        return median if abs(median) > max(LEAST_OFFSET, OFFSET_SPREADS * spread) else 0.0

    def loudest_without_clicks(self) -> float:
        """Return the loudest sample, its distance from the offset, clicks left out."""
        if self._has_click():
            return float(self._loudest[0])
        return max(self.peaks(self.offset()))

    def notes(self) -> dict[str, str]:
        """Return what is wrong with the samples, by the code of the finding."""
        notes: dict[str, str] = {}
        if self._has_click() and self._click_at is not None:
            factor = 20 * np.log10(self.peak / float(self._loudest[0]))
            where = self._click_at / self._rate
            notes["click"] = f"{factor:.0f} dB louder than all else at {where:.2f} s"
        if offset := self.offset():
            notes["dc_offset"] = f"{offset:+.3f} of full scale"
        return notes

    def _has_click(self) -> bool:
        rest = float(self._loudest[0])
        is_short = self.samples >= SHORTEST_AROUND_CLICK * self._most
        return is_short and 0 < rest < self.peak / CLICK_FACTOR


class Clipping:
    """Counts the clipped crests of blocks (frames, channels), above and below zero.

    Both are apart, since 16 bits end at 32,767 and at -32,768.
    """

    def __init__(self) -> None:
        self._sides = (_ClippedSide(), _ClippedSide())
        self._frames = 0

    @property
    def loudest(self) -> float:
        """The loudest sample."""
        return max(side.highest for side in self._sides)

    def add(self, block: np.ndarray) -> None:
        """Add a block of at least one frame."""
        self._frames += len(block)
        for side, values in zip(self._sides, (block, -block), strict=True):
            side.add(values)

    def notes(self) -> dict[str, str]:
        """Return a note if crests were clipped, by the code of its finding."""
        enough = max(FEWEST_CLIPPED, CLIPPED_SHARE * self._frames)
        runs = sum(side.runs for side in self._sides)
        if runs < enough or self.loudest < SOFTEST_CLIPPED:
            return {}
        return {"clipped": f"{runs} crests cut off at {self.loudest:.2f} of full scale"}


class _ClippedSide:
    """Counts the crests that leap to the highest value and stay there."""

    def __init__(self) -> None:
        self.highest = 0.0
        self.runs = 0

    def add(self, block: np.ndarray) -> None:
        highest = float(block.max())
        if highest > self.highest:
            self.highest, self.runs = highest, 0
        if highest < self.highest or self.highest <= 0:
            return
        flat = block == self.highest
        run = flat[1 : 1 - CLIPPED_RUN].copy()
        for later in range(2, CLIPPED_RUN + 1):
            run &= flat[later : len(flat) - CLIPPED_RUN + later]
        leaps = block[:-CLIPPED_RUN] < LEAP * self.highest
        self.runs += int((run[: len(leaps)] & leaps).sum())
