"""The report of a WaveNet's training: sounds, figures, curves, findings."""

import base64
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keiryo.files import write_text
from keiryo.records.places import REPORT_FILE
from keiryo.records.wavenet import Sound, WaveNetTraining
from keiryo.report.charts.bit_curves import draw_bit_curves
from keiryo.report.languages.catalogue import language
from keiryo.report.page_parts import render
from keiryo.report.png.spectrograms import draw_sound, read_wav

LEAST_PEAK = 0.01  # the scale of waveforms, where all is silence


@dataclass(frozen=True)
class ShownSound:
    """A sound with its file and its image as data URLs."""

    sound: Sound
    audio: str
    image: str

    @property
    def told(self) -> str:
        """Its conditions, in the form of --condition."""
        return ",".join(f"{name}={value}" for name, value in self.sound.conditions.items())


def write_wavenet_report(training: WaveNetTraining, folder: Path, lang: str | None = None) -> Path:
    """Write `report.html` into `folder`, where the sounds are; return its path.

    `lang` is a language's code; without it, the locale decides.
    """
    path = folder / REPORT_FILE
    write_text(path, render_wavenet_page(training, folder, lang))
    return path


def render_wavenet_page(training: WaveNetTraining, folder: Path, lang: str | None = None) -> str:
    """Return the page of `training`, whose sounds are in `folder`."""
    at_end = [sound for sound in training.sounds if sound.epoch is None]
    on_the_way = [sound for sound in training.sounds if sound.epoch is not None]
    shown = _shown(at_end, folder)
    say = language(lang)
    return render(
        "wavenet.html.j2",
        say,
        training=training,
        pairs=_pairs(shown),
        on_the_way=_shown(on_the_way, folder),
        folder=folder,
        told=shown[-1].told if shown else "",
        chart=draw_bit_curves(training, say),
    )


def _shown(sounds: Sequence[Sound], folder: Path) -> list[ShownSound]:
    longest = max((sound.seconds for sound in sounds), default=1.0)
    found: list[tuple[Sound, np.ndarray, int, bytes]] = []
    for sound in sounds:
        path = folder / sound.file
        try:
            samples, rate = read_wav(path)
            audio = path.read_bytes()
        except (OSError, EOFError, wave.Error):
            continue  # it was moved or deleted
        found.append((sound, samples, rate, audio))
    # One scale for all, on which soft voices can be seen and levels be compared.
    loudest = max((float(np.abs(samples).max(initial=0)) for _, samples, _, _ in found), default=1)
    peak = max(LEAST_PEAK, loudest)
    return [
        ShownSound(
            sound,
            _data_url("audio/wav", audio),
            _data_url(
                "image/png", draw_sound(samples, rate, kind=sound.kind, seconds=longest, peak=peak)
            ),
        )
        for sound, samples, rate, audio in found
    ]


def _pairs(shown: Sequence[ShownSound]) -> list[list[ShownSound]]:
    """Return each recording with the sounds generated with its conditions."""
    pairs: list[list[ShownSound]] = []
    for one in shown:
        if one.sound.kind == "recording" or not pairs:
            pairs.append([one])
        else:
            pairs[-1].append(one)
    return pairs


def _data_url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
