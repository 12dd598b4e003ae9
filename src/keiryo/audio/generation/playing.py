"""Sound played on the machine's own device while it is generated."""

import importlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from keiryo.audio.generation.wav import encode_pcm
from keiryo.errors import InputError


def play_sound(pieces: Iterable[np.ndarray], rate: int) -> None:
    """Play `pieces` (1, T), float32 from -1 to 1, as they come; return when all were played.

    Raises InputError if sounddevice is not installed, or there is no sound device.
    """
    try:
        sounddevice: Any = importlib.import_module("sounddevice")
    except ImportError:
        raise InputError(
            "--play: sounddevice is not installed; pip install 'keiryo[play]'"
        ) from None
    except OSError as error:
        # On Linux, its wheel does not contain the library PortAudio.
        raise InputError(f"--play: {error}; install PortAudio (Debian: libportaudio2)") from None
    try:
        with sounddevice.RawOutputStream(samplerate=rate, channels=1, dtype="int16") as stream:
            for piece in pieces:
                stream.write(encode_pcm(piece[0]))
    except sounddevice.PortAudioError as error:
        raise InputError(f"--play: no sound device that takes {rate} Hz: {error}") from None
