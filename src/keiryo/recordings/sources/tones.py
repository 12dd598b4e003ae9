"""The built-in set `tones`: short synthetic sounds, labelled by pitch and timbre.

Three timbres are instruments that play short melodies around the pitch of the label. Three are
vowels sung at that pitch: pulses of the vocal folds, filtered by resonators at the formants of the
mouth (source and filter, Fant 1960). A recording depends on its index, the seed, the rate and the
seconds alone.
"""

from collections.abc import Callable, Iterator

import numpy as np

from keiryo.data.sources.set_options import read_set_options
from keiryo.recordings.conditions import Category, Conditions, refuse_condition
from keiryo.recordings.sources.sound_files import SoundFormat
from keiryo.recordings.sources.source import RecordingSource

TONES = "tones"
DEFAULT_COUNT = 300
DEFAULT_RATE = 8000
DEFAULT_SECONDS = 1.0
# Hz, of equal temperament with A4 = 440.
PITCHES = {"A2": 110.0, "D3": 146.83, "G3": 196.0, "C4": 261.63, "F4": 349.23}
# Melodies as frequencies relative to the pitch; the pitch itself has most of the notes.
MELODIES = (
    (1.0, 1.25, 1.5, 1.0, 1.0),
    (1.0, 1.5, 1.0, 1.25, 1.0),
    (1.0, 1.0, 1.5, 1.25, 1.0),
    (1.0, 2.0, 1.0, 1.5, 1.0),
    (1.0, 1.0, 1.0),
)
# Frequencies in Hz of the first formants of men (Peterson & Barney 1952, table II); their widths
# are about those of Klatt 1980.
FORMANTS = {
    "vowel_a": (730.0, 1090.0, 2440.0),
    "vowel_i": (270.0, 2290.0, 3010.0),
    "vowel_u": (300.0, 870.0, 2240.0),
}
FORMANT_WIDTHS = (60.0, 90.0, 150.0)
# Shares of a cycle in which the vocal folds open and close (Rosenberg 1971).
OPENING, CLOSING = 0.4, 0.16
HIGHEST_SHARE = 0.45  # of the rate: there is no frequency above it
NOISE = 0.001  # of full scale, added to all sounds: 60 dB below it

LIMITS = {
    "count": (10, 1_000_000),
    "seed": (0, 2**63),
    "rate": (4000, 192_000),
    "seconds": (0.1, 60.0),
}


class Tones(RecordingSource):
    """`count` sounds drawn from `seed`, of all timbres and pitches in turn.

    Each lasts `seconds` at `rate` samples a second and has one channel.
    """

    def __init__(
        self,
        *,
        count: int = DEFAULT_COUNT,
        seed: int = 0,
        rate: int = DEFAULT_RATE,
        seconds: float = DEFAULT_SECONDS,
    ) -> None:
        timbres, pitches = list(TIMBRES), list(PITCHES)
        labels = [
            [index // len(timbres) % len(pitches), index % len(timbres)] for index in range(count)
        ]
        conditions = Conditions(
            categories=[
                Category(name="pitch", values=pitches),
                Category(name="timbre", values=timbres),
            ],
            labels=labels,
        )
        names = [
            f"{pitches[pitch]}_{timbres[timbre]}_{index:06d}"
            for index, (pitch, timbre) in enumerate(labels)
        ]
        super().__init__(f"tones:count={count}", names, conditions)
        self._seed = seed
        self._rate = rate
        self._seconds = seconds

    def fingerprint(self) -> str:
        return f"tones-1:{len(self.names)}:{self._seed}:{self._rate}:{self._seconds}"

    def format(self, index: int) -> SoundFormat:
        return SoundFormat(self._rate, 1, round(self._rate * self._seconds))

    def blocks(self, index: int) -> Iterator[np.ndarray]:
        pitch, timbre = self.conditions.labels[index]
        yield make_tone(
            list(PITCHES)[pitch],
            list(TIMBRES)[timbre],
            rate=self._rate,
            samples=round(self._rate * self._seconds),
            seed=(self._seed, index),
        )[:, None]


def open_tones(data: str, condition: str | None = None) -> Tones:
    """Return the set that `data`, such as `tones:count=200,rate=8000,seconds=0.5`, describes.

    Raises InputError for an option that is unknown or outside `LIMITS`, or if a pattern
    `condition` is given.
    """
    refuse_condition(condition, data, "has conditions of its own, pitch and timbre")
    return Tones(**read_set_options(data, LIMITS))


def make_tone(
    pitch: str, timbre: str, *, rate: int, samples: int, seed: tuple[int, ...]
) -> np.ndarray:
    """Return one sound, (samples,), float32; its loudest sample is between 0.4 and 0.9."""
    random = np.random.default_rng(seed)
    # Singers and players are out of tune by up to a seventh of a semitone.
    frequency = PITCHES[pitch] * 2 ** (random.uniform(-0.14, 0.14) / 12)
    sound = TIMBRES[timbre](random, frequency, rate, samples)
    sound *= random.uniform(0.4, 0.9) / max(1e-9, np.abs(sound).max())
    return (sound + random.normal(0, NOISE, samples)).astype(np.float32)


Timbre = Callable[[np.random.Generator, float, int, int], np.ndarray]


def _instrument(strengths: tuple[float, ...], *, attack: float, decay: float) -> Timbre:
    """Return a timbre with these strengths of harmonics.

    Notes rise within `attack` seconds and fall to about a third within `decay` seconds.
    """

    def play(random: np.random.Generator, frequency: float, rate: int, samples: int) -> np.ndarray:
        # About one melody a second, one after the other.
        drawn = random.integers(len(MELODIES), size=max(1, round(samples / rate)))
        melody = np.concatenate([MELODIES[number] for number in drawn])
        # Notes are not all of one length.
        lengths = random.uniform(0.8, 1.2, len(melody))
        ends = np.round(np.cumsum(lengths) / lengths.sum() * samples).astype(int)
        note = np.searchsorted(ends, np.arange(samples), side="right")
        since = (np.arange(samples) - np.concatenate(([0], ends))[note]) / rate
        left = (ends[note] - np.arange(samples)) / rate
        frequencies = frequency * melody[note]
        phase = np.cumsum(frequencies) / rate
        sound = np.zeros(samples)
        for harmonic, strength in enumerate(strengths, start=1):
            is_heard = harmonic * frequencies < HIGHEST_SHARE * rate
            sound += strength * is_heard * np.sin(2 * np.pi * harmonic * phase)
        rise = np.minimum(1, since / attack)
        fall = np.minimum(1, left / 0.01)  # within 10 ms, so that no note clicks
        return sound * rise * fall * np.exp(-since / decay)

    return play


def _vowel(formants: tuple[float, ...]) -> Timbre:
    def sing(random: np.random.Generator, frequency: float, rate: int, samples: int) -> np.ndarray:
        from scipy.signal import lfilter

        time = np.arange(samples) / rate
        # Vibrato of about 5 Hz, and a slow drift of the pitch.
        swing = np.sin(2 * np.pi * (random.uniform(4.5, 6) * time + random.random()))
        drift = np.sin(2 * np.pi * (random.uniform(0.3, 1) * time + random.random()))
        frequencies = frequency * (1 + random.uniform(0.002, 0.01) * swing + 0.005 * drift)
        sound = _glottal_pulses(np.cumsum(frequencies) / rate + random.random())
        size = random.uniform(0.92, 1.08)  # of the mouth: a larger one has lower formants
        for formant, width in zip(formants, FORMANT_WIDTHS, strict=True):
            if formant / size < HIGHEST_SHARE * rate:
                sound = lfilter(*_resonator(formant / size, width, rate), sound)
        edge = min(0.05, samples / rate / 4)
        swell = np.minimum(1, np.minimum(time, time[::-1]) / edge)
        return np.asarray(sound) * swell

    return sing


def _glottal_pulses(phase: np.ndarray) -> np.ndarray:
    """Return the change of the air flow through the vocal folds, at a phase in cycles.

    The lips radiate the change of the flow, not the flow itself.
    """
    within = phase % 1
    flow = np.where(
        within < OPENING,
        0.5 * (1 - np.cos(np.pi * within / OPENING)),
        np.where(within < OPENING + CLOSING, np.cos(np.pi / 2 * (within - OPENING) / CLOSING), 0.0),
    )
    return np.diff(flow, prepend=flow[:1])


def _resonator(frequency: float, width: float, rate: int) -> tuple[list[float], list[float]]:
    """Return the two-pole filter (numerator, denominator) of Klatt 1980, of gain 1 at 0 Hz."""
    radius = np.exp(-np.pi * width / rate)
    first = -2 * radius * np.cos(2 * np.pi * frequency / rate)
    return [1 + first + radius**2], [1.0, first, radius**2]


TIMBRES: dict[str, Timbre] = {
    "flute": _instrument((1.0, 0.15, 0.05), attack=0.06, decay=5.0),
    "reed": _instrument((1.0, 0.05, 0.6, 0.04, 0.35, 0.03, 0.2), attack=0.03, decay=5.0),
    "string": _instrument((1.0, 0.6, 0.45, 0.3, 0.25, 0.2, 0.15), attack=0.004, decay=0.12),
    **{name: _vowel(formants) for name, formants in FORMANTS.items()},
}
