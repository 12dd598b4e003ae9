"""`keiryo wavenet generate`: sound written to files, streamed, or played."""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import typer

from keiryo.audio.generation.generate import CHUNK_SAMPLES
from keiryo.audio.generation.layer_weights import WeightKind
from keiryo.audio.generation.playing import play_sound
from keiryo.audio.generation.sampling import Sampling
from keiryo.audio.generation.sound import make_sound
from keiryo.audio.generation.wav import encode_pcm, wav_header, write_wav
from keiryo.audio.saved import SavedWaveNet, load_wavenet
from keiryo.cli.options import check_is_new
from keiryo.errors import InputError
from keiryo.recordings.conditions import choose_labels
from keiryo.recordings.forming import read_recording

STANDARD_OUTPUT = "-"
DEFAULT_OUT = "sound.wav"
LONGEST_SECONDS = 24 * 3600.0
# Short pieces, so that the first comes soon.
SHORTEST_CHUNK = 250


@dataclass
class Clock:
    """The times of a generation: its start, its first piece, its last piece."""

    asked: float
    first: float = 0.0
    first_samples: int = 0
    last: float = 0.0
    samples: int = 0

    def tick(self, samples: int) -> None:
        """Record the arrival of a piece of so many samples."""
        self.last = time.perf_counter()
        self.samples += samples
        if not self.first_samples:
            self.first, self.first_samples = self.last, samples


def write_sound(
    model: Path,
    *,
    seconds: float,
    condition: str,
    temperature: float,
    top_p: float,
    prime: Path | None,
    count: int,
    seed: int,
    weights: WeightKind,
    threads: int,
    out: str | None,
    raw: bool,
    play: bool,
    force: bool,
) -> None:
    """Generate sound and write or play it; print the speed on standard error.

    Raises InputError for what is not possible, before anything is written.
    """
    if not 0 < seconds <= LONGEST_SECONDS:
        raise InputError(f"--seconds {seconds:g}: give more than 0 and at most a day")
    if count < 1:
        raise InputError(f"--count {count}: give at least 1")
    if play and out is not None:
        raise InputError(f"--play and --out {out}: give one of the two")
    out = DEFAULT_OUT if out is None else out
    is_streamed = out == STANDARD_OUTPUT
    if (is_streamed or play) and count > 1:
        where = "--play" if play else "standard output"
        raise InputError(f"--count {count}: {where} takes one sound; give a file's name")
    if raw and not is_streamed:
        raise InputError("--raw: is only for standard output; add --out -")
    paths = [] if is_streamed or play else _paths(out, count, force=force)
    network, description = load_wavenet(model)
    labels = choose_labels(description.categories, condition)
    samples = max(1, round(seconds * description.rate))
    clock = Clock(time.perf_counter())
    pieces = make_sound(
        network,
        samples,
        labels=labels,
        before=None if prime is None else _before(prime, description),
        streams=count,
        sampling=Sampling(temperature, top_p),
        seed=seed,
        weights=weights,
        threads=threads,
        chunk=max(SHORTEST_CHUNK, min(CHUNK_SAMPLES, samples // 8)),
    )
    try:
        if play:
            play_sound(_timed(pieces, clock), description.rate)
        elif is_streamed:
            _stream(_timed(pieces, clock), samples, description.rate, raw=raw)
        else:
            sounds = np.concatenate(list(_timed(pieces, clock)), axis=1)
            for path, sound in zip(paths, sounds, strict=True):
                write_wav(path, sound, description.rate)
    except FloatingPointError as error:
        raise InputError(f"{model}: cannot generate from it: {error}") from None
    _say_speed(clock, count, description.rate, "" if is_streamed or play else out)


def _timed(pieces: Iterator[np.ndarray], clock: Clock) -> Iterator[np.ndarray]:
    for piece in pieces:
        clock.tick(piece.shape[1])
        yield piece


def _stream(pieces: Iterator[np.ndarray], samples: int, rate: int, *, raw: bool) -> None:
    stream = sys.stdout.buffer
    try:
        if not raw:
            stream.write(wav_header(samples, rate))
        for piece in pieces:
            stream.write(encode_pcm(piece[0]))
            stream.flush()
    except BrokenPipeError:
        # The reader closed the pipe. Python would complain again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _paths(out: str, count: int, *, force: bool) -> list[Path]:
    path = Path(out)
    if path.suffix.lower() not in (".wav", ".wave"):
        raise InputError(f"--out {out}: give a name that ends in .wav, or - for standard output")
    paths = [path]
    if count > 1:
        digits = len(str(count))
        paths = [
            path.with_name(f"{path.stem}_{number:0{digits}d}{path.suffix}")
            for number in range(1, count + 1)
        ]
    for one in paths:
        check_is_new(one, force=force)
    return paths


def _before(prime: Path, description: SavedWaveNet) -> np.ndarray:
    if not prime.is_file():
        raise InputError(f"--prime {prime}: no such file")
    samples, _ = read_recording(prime, rate=description.rate)
    if description.normalized and (peak := float(np.abs(samples).max())) > 0:
        samples = samples / peak
    return samples


def _say_speed(clock: Clock, count: int, rate: int, file: str) -> None:
    text = f"{count} x " if count > 1 else ""
    text += f"{clock.samples / rate:.2f} s of sound in {clock.last - clock.asked:.2f} s"
    later = clock.samples - clock.first_samples
    if later > 0:
        # The time before the first piece is that of starting up and of the receptive field.
        speed = count * later / (clock.last - clock.first)
        text += f"; after the start {speed:,.0f} samples/s, {speed / rate:.2f} times real time"
    typer.echo(text + (f" ({file})" if file else ""), err=True)
