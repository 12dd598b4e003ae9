"""`keiryo wavenet generate`: sound written to files, streamed, or played."""

import math
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import typer

from keiryo.audio.generation.generate import CHUNK_SAMPLES
from keiryo.audio.generation.layer_weights import WeightKind
from keiryo.audio.generation.playing import play_sound
from keiryo.audio.generation.sampling import Sampling
from keiryo.audio.generation.sound import make_sound
from keiryo.audio.generation.wav import SAMPLE_BYTES, SoundWriter, encode_pcm, stream_header
from keiryo.audio.saved import SavedWaveNet, load_wavenet
from keiryo.cli.live.terminal import Terminal, open_progress, watch_silence
from keiryo.cli.options import check_is_new
from keiryo.errors import InputError
from keiryo.kernels.compiling import watch_compiling
from keiryo.processes import hide_library_remarks
from keiryo.recordings.conditions import choose_labels
from keiryo.recordings.forming import read_recording
from keiryo.sentences import disk_space
from keiryo.train.device import choose_device

STANDARD_OUTPUT = "-"
DEFAULT_OUT = "sound.wav"
EXIT_INTERRUPTED = 130
# Short pieces, so that the first comes soon.
SHORTEST_CHUNK = 250
COMPILING = "compiling kernels, once per machine: some 15 s"


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
    device: Literal["auto", "cpu", "cuda"],
    threads: int,
    out: str | None,
    raw: bool,
    play: bool,
    force: bool,
) -> None:
    """Generate sound and write or play it; print the speed on standard error.

    An interrupt leaves what was generated so far. Raises InputError for what is not
    possible, before anything is written.
    """
    if not 0 < seconds < math.inf:
        raise InputError(f"--seconds {seconds:g}: give a number above 0")
    if count < 1:
        raise InputError(f"--count {count}: give at least 1")
    if play and out is not None:
        raise InputError(f"--play and --out {out}: give one of the two")
    out = DEFAULT_OUT if out is None else out
    is_streamed = out == STANDARD_OUTPUT
    if (is_streamed or play) and count > 1:
        where = "--play" if play else "standard output"
        raise InputError(f"--count {count}: {where} takes one sound; give a file's name")
    if raw and play:
        raise InputError("--raw and --play: give one of the two")
    chosen = _choose_device(device, weights)
    paths = [] if is_streamed or play else _paths(out, count, raw=raw, force=force)
    network, description = load_wavenet(model)
    if (steps := description.checkpoint_steps) is not None:
        typer.echo(f"{model}: a training that has not ended; after {steps} steps", err=True)
    network.to(chosen)
    labels = choose_labels(description.categories, condition)
    samples = max(1, round(seconds * description.rate))
    if paths:
        _check_space(paths, samples)
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
        with open_progress() as bars:
            terminal = Terminal(bars)
            timed = _timed(pieces, clock, samples, description.rate, terminal)
            with watch_silence(terminal), watch_compiling(lambda: terminal.say(COMPILING)):
                if play:
                    play_sound(timed, description.rate)
                elif is_streamed:
                    _stream(timed, samples, description.rate, raw=raw)
                else:
                    _write(
                        timed, [SoundWriter(p, samples, description.rate, raw=raw) for p in paths]
                    )
    except KeyboardInterrupt:
        if not paths or not clock.samples:
            raise
        made = f"{clock.samples / description.rate:.2f} s of sound"
        typer.echo(f"keiryo: stopped; {made} so far ({out})", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except FloatingPointError as error:
        raise InputError(f"{model}: cannot generate from it: {error}") from None
    _say_speed(clock, count, description.rate, "" if is_streamed or play else out)


def _choose_device(device: str, weights: WeightKind) -> torch.device:
    """Return the device to generate on; raise InputError if there is none, or not for `weights`."""
    if device == "cuda" and weights == "int8":
        raise InputError("--weights int8 and --device cuda: int8 is for the processor alone")
    has_gpu = torch.cuda.is_available()
    if device == "auto":
        device = "cuda" if has_gpu and weights == "float32" else "cpu"
    return choose_device(device)


def _write(pieces: Iterator[np.ndarray], writers: Sequence[SoundWriter]) -> None:
    """Write `pieces` (sounds, T) as they come; an interrupt keeps what there is."""
    has_any = False
    try:
        try:
            for piece in pieces:
                for writer, sound in zip(writers, piece, strict=True):
                    writer.write(sound)
                has_any = True
        except KeyboardInterrupt:
            if has_any:
                for writer in writers:
                    writer.finish()
            raise
        for writer in writers:
            writer.finish()
    finally:
        for writer in writers:
            writer.discard()


def _check_space(paths: Sequence[Path], samples: int) -> None:
    folder = paths[0].absolute().parent
    existing = next(one for one in (folder, *folder.parents) if one.exists())
    needed, free = len(paths) * samples * SAMPLE_BYTES, shutil.disk_usage(existing).free
    if needed > free:
        raise InputError(
            f"--out {paths[0]}: the sound needs {disk_space(needed)} and its disk has "
            f"{disk_space(free)} left; give fewer --seconds, or --out - for standard output"
        )


def _timed(
    pieces: Iterator[np.ndarray], clock: Clock, samples: int, rate: int, terminal: Terminal
) -> Iterator[np.ndarray]:
    """Yield `pieces`; note when they come, and show how many of the `samples` there are."""
    terminal.working("generating")
    for piece in pieces:
        clock.tick(piece.shape[1])
        made = f"{clock.samples / rate:.1f} of {samples / rate:.1f} s of sound"
        terminal.show_bar("generating", clock.samples / samples, made)
        yield piece


def _stream(pieces: Iterator[np.ndarray], samples: int, rate: int, *, raw: bool) -> None:
    stream = sys.stdout.buffer
    try:
        if not raw:
            stream.write(stream_header(samples, rate))
        for piece in pieces:
            stream.write(encode_pcm(piece[0]))
            stream.flush()
    except BrokenPipeError:
        # The reader closed the pipe. Python would complain again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _paths(out: str, count: int, *, raw: bool, force: bool) -> list[Path]:
    path = Path(out)
    suffixes = (".raw", ".pcm") if raw else (".wav", ".wave")
    if path.suffix.lower() not in suffixes:
        kind = "with --raw, " if raw else ""
        raise InputError(
            f"--out {out}: {kind}give a name that ends in {suffixes[0]}, or - for standard output"
        )
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
    with hide_library_remarks():
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
