"""Sounds as images: waveform and spectrogram."""

import io
import wave
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from keiryo.report.png.colors import HELD_OUT, MODELS

WINDOW_SECONDS = 0.025  # as is usual for speech
SHOWN_DB = 70.0
MOST_STEPS = 400
# For labels of any length that occurs; Matplotlib takes as long to find them as to draw.
MARGINS = {"left": 0.125, "right": 0.965, "bottom": 0.15, "top": 0.975, "hspace": 0.12}
COLORS = {"recording": HELD_OUT, "generated": MODELS[1]}


def read_wav(path: Path) -> tuple[np.ndarray, int]:
    """Return the samples (T,), from -1 to 1, and the rate of a WAV file of one channel, 16 bits.

    Raises OSError or wave.Error if it is no such file.
    """
    with wave.open(str(path), "rb") as file:
        if file.getsampwidth() != 2 or file.getnchannels() != 1:
            raise wave.Error("not one channel of 16 bits")
        data = file.readframes(file.getnframes())
        return np.frombuffer(data, "<i2").astype(np.float64) / 32_767, file.getframerate()


def draw_sound(
    samples: np.ndarray, rate: int, *, kind: str, seconds: float, peak: float = 1.0
) -> bytes:
    """Return a PNG: the samples (T,) above their spectrogram, on an axis of `seconds`.

    The axis of the samples ends at `peak`, so that soft sounds are no flat lines.
    """
    figure = Figure(figsize=(4.6, 2.7), dpi=100)
    canvas = FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2), gridspec_kw=MARGINS)
    times = np.arange(len(samples)) / rate
    above.plot(times, samples, color=COLORS[kind], linewidth=0.5)
    above.set(ylim=(-peak, peak), yticks=(-peak, 0, peak), yticklabels=_labels(peak))
    levels, step_seconds = spectrogram(samples, rate)
    below.imshow(
        levels.T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=-SHOWN_DB,
        vmax=0,
        extent=(0, levels.shape[0] * step_seconds, 0, rate / 2000),
    )
    below.set(ylabel="kHz", xlabel="s", xlim=(0, seconds))
    for axes in (above, below):
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    below.xaxis.label.set_size(8)
    below.yaxis.label.set_size(8)
    image = io.BytesIO()
    canvas.print_png(image)
    return image.getvalue()


def _labels(peak: float) -> list[str]:
    return [f"{-peak:.2g}", "0", f"{peak:.2g}"]


def spectrogram(samples: np.ndarray, rate: int) -> tuple[np.ndarray, float]:
    """Return levels (steps, frequencies) and the seconds of a step.

    Levels are in decibels below a sine at full scale, of Hann windows of 25 ms.
    """
    size = max(16, round(WINDOW_SECONDS * rate))
    padded = np.pad(samples, (size // 2, size))
    step = max(1, size // 8, len(samples) // MOST_STEPS)
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::step]
    window = np.hanning(size)
    amplitudes = np.abs(np.fft.rfft(windows * window, axis=1)) * 2 / window.sum()
    return 20 * np.log10(np.maximum(amplitudes, 1e-6)), step / rate
