"""Generated sounds that show what a network has learnt, with recordings beside them."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from keiryo.audio.generation.sound import make_sound
from keiryo.audio.generation.wav import level_db, write_wav
from keiryo.models.wavenet import WaveNet
from keiryo.recordings.forming import read_recording
from keiryo.recordings.mu_law import decode
from keiryo.recordings.pack import RecordingPack
from keiryo.records.wavenet import SOUNDS_FOLDER, Sound

EXAMPLES = 6
SHORTEST_SECONDS, LONGEST_SECONDS = 0.5, 3.0


class Examples:
    """A few of the held-out recordings `rows` of a pack, of different conditions.

    Files go into the folder `samples` of `out`. All sounds at the end take about `most_seconds` to
    generate, and one after an epoch half of that at most: they are shorter and fewer where the
    network is slow. None: as long as it takes. Before each sound at the end it is asked whether it
    `stops`; a stop leaves at least one pair.
    """

    def __init__(
        self,
        pack: RecordingPack,
        rows: np.ndarray,
        out: Path,
        *,
        seed: int,
        most_seconds: float | None = None,
        stops: Callable[[], bool] = lambda: False,
    ) -> None:
        self._pack, self._out, self._seed = pack, out, seed
        self._most_seconds = math.inf if most_seconds is None else most_seconds
        self._stops = stops
        self.rows = _of_different_conditions(pack, rows)
        seconds = float(np.median(pack.counts[rows])) / pack.rate
        self.seconds = min(LONGEST_SECONDS, max(SHORTEST_SECONDS, seconds))
        self.samples = round(self.seconds * pack.rate)

    def warm_up(self, network: WaveNet) -> None:
        """Generate one sample, so that what is compiled at first is not timed."""
        self._speak(network, self.rows[0], samples=1)

    def during(self, network: WaveNet, epoch: int) -> Sound:
        """Generate a sound after `epoch`, with the first recording's conditions."""
        row = self.rows[0]
        sound = self._speak(network, row, most_seconds=self._most_seconds / 2)
        return self._write(f"epoch_{epoch:04d}.wav", sound, row, epoch=epoch)

    def made_during(self, epochs: int) -> list[Sound]:
        """Return the sounds generated after epochs, up to this number of epochs."""
        sounds = []
        for epoch in range(1, epochs + 1):
            name = f"epoch_{epoch:04d}.wav"
            path = self._out / SOUNDS_FOLDER / name
            if path.is_file():
                samples, _ = read_recording(path)
                sounds.append(self._sound(name, samples, self.rows[0], epoch=epoch))
        return sounds

    def at_end(self, network: WaveNet) -> tuple[list[Sound], float]:
        """Write each recording and a sound generated with its conditions.

        Return them, in pairs, and the samples generated per second.
        """
        made: list[Sound] = []
        self.warm_up(network)
        seconds, samples = 0.0, 0
        for number, row in enumerate(self.rows, start=1):
            # Each pair may take its share of what is left.
            left = (self._most_seconds - seconds) / (len(self.rows) - number + 1)
            if made and (left <= 0 or self._stops()):
                break
            recording = decode(self._pack.recording(int(row))[: self._pack.rate * 10])
            made.append(self._write(f"recording_{number}.wav", recording, row))
            start = time.perf_counter()
            sound = self._speak(network, row, most_seconds=left)
            seconds += time.perf_counter() - start
            # The silence of the receptive field is computed like any other sample.
            samples += len(sound) + network.configuration.receptive_field
            made.append(self._write(f"generated_{number}.wav", sound, row))
        return made, samples / max(seconds, 1e-9)

    def _speak(
        self,
        network: WaveNet,
        row: int,
        samples: int | None = None,
        *,
        most_seconds: float = math.inf,
    ) -> np.ndarray:
        started = time.perf_counter()
        pieces = make_sound(
            network,
            samples or self.samples,
            labels=[int(label) for label in self._pack.labels[row]],
            seed=self._seed,
            threads=1,
        )
        heard = []
        for piece in pieces:
            heard.append(piece[0])
            if time.perf_counter() - started > most_seconds:
                break
        return np.concatenate(heard)

    def _write(
        self, name: str, samples: np.ndarray, row: int, *, epoch: int | None = None
    ) -> Sound:
        write_wav(self._out / SOUNDS_FOLDER / name, samples, self._pack.rate)
        return self._sound(name, samples, row, epoch=epoch)

    def _sound(self, name: str, samples: np.ndarray, row: int, *, epoch: int | None) -> Sound:
        return Sound(
            file=f"{SOUNDS_FOLDER}/{name}",
            kind="recording" if name.startswith("recording") else "generated",
            epoch=epoch,
            conditions=_conditions(self._pack, row),
            seconds=len(samples) / self._pack.rate,
            level_db=level_db(samples),
        )


def _of_different_conditions(pack: RecordingPack, rows: np.ndarray) -> Sequence[int]:
    """Return a few evenly spread rows, of different conditions if possible."""
    spread = rows[np.linspace(0, len(rows) - 1, min(len(rows), 50 * EXAMPLES)).astype(int)]
    chosen: dict[tuple[int, ...], int] = {}
    for row in np.random.default_rng(0).permutation(spread):
        chosen.setdefault(tuple(pack.labels[row]), int(row))
    if pack.categories:
        return sorted(list(chosen.values())[:EXAMPLES])
    return [int(row) for row in spread[:: max(1, len(spread) // EXAMPLES)][:EXAMPLES]]


def _conditions(pack: RecordingPack, row: int) -> dict[str, str]:
    return {
        category.name: category.values[value]
        for category, value in zip(pack.categories, pack.labels[row], strict=True)
    }
