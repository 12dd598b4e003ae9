"""Sound on the machine's own device, while it is made."""

import importlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from keiryo.audio.generation.wav import as_pcm
from keiryo.errors import InputError


def play_sound(pieces: Iterable[np.ndarray], rate: int) -> None:
    """Play `pieces` (1, T), float32 from -1 to 1, as they come, and return when all was heard.

    Raises InputError where the package that this needs is missing, or there is no device.
    """
    try:
        sounddevice: Any = importlib.import_module("sounddevice")
    except ImportError:
        raise InputError(
            "--play: sounddevice is not installed; pip install 'keiryo[play]'"
        ) from None
    except OSError as error:
        # On Linux, its wheel leaves the library to the system.
        raise InputError(f"--play: {error}; install PortAudio (Debian: libportaudio2)") from None
    try:
        with sounddevice.RawOutputStream(samplerate=rate, channels=1, dtype="int16") as stream:
            for piece in pieces:
                stream.write(as_pcm(piece[0]))
    except sounddevice.PortAudioError as error:
        raise InputError(f"--play: no sound device that takes {rate} Hz: {error}") from None
