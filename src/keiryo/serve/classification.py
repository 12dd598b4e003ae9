"""The classification of one image by several models, in a worker thread."""

import base64
import binascii
import io
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from keiryo.serve.served_models import ServedModel
from keiryo_runtime import UnreadableImageError
from keiryo_runtime.decoding import decode_image
from keiryo_runtime.fitting import fit_image

# Formats of photographs. Others start programs, as EPS does, or have rarely been attacked.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF")
# Each scan of a progressive JPEG is a pass over all its pixels. Encoders write about ten.
JPEG_SCAN = b"\xff\xda"
MOST_SCANS = 100
MILLISECONDS = 1000


@dataclass(frozen=True)
class Answer:
    """The likeliest classes by one model, (label, probability), and the time it took."""

    model: str
    labels: list[tuple[str, float]]
    latency_ms: float

    def document(self) -> dict[str, Any]:
        """Return the answer as JSON has it."""
        return {
            "model": self.model,
            "labels": [
                {"label": label, "probability": probability} for label, probability in self.labels
            ],
            "latency_ms": round(self.latency_ms, 3),
        }


@dataclass(frozen=True)
class Classified:
    """The answers for one image; or the reason why it could not be read."""

    answers: list[Answer]
    read_ms: float = 0.0
    error: str | None = None


def classify(
    image: bytes | str, models: Iterable[ServedModel], *, top: int, most_pixels: int
) -> Classified:
    """Classify an image, the bytes of a file or their base64, with each of `models`.

    An image of more than `most_pixels` is refused before it is decoded.
    """
    answers: list[Answer] = []
    squares: dict[tuple[int, str], np.ndarray] = {}
    read_seconds = 0.0
    try:
        began = time.perf_counter()
        data = _decode_base64(image) if isinstance(image, str) else image
        check_header(data, most_pixels)
        read_seconds += time.perf_counter() - began
        for model in models:
            predictor = model.predictor
            began = time.perf_counter()
            form = predictor.size, predictor.fit
            if form not in squares:
                pixels = decode_image(data, predictor.size)
                squares[form] = fit_image(pixels, predictor.size, predictor.fit)[None]
            read = time.perf_counter()
            row = predictor.probabilities(squares[form])[0]
            latency = time.perf_counter() - read
            read_seconds += read - began
            order = np.argsort(-row, kind="stable")[:top]
            labels = [(predictor.classes[place], float(row[place])) for place in order]
            answers.append(Answer(model.name, labels, latency * MILLISECONDS))
    except UnreadableImageError as error:
        return Classified([], error=_without_content(error))
    return Classified(answers, read_seconds * MILLISECONDS)


def check_header(data: bytes, most_pixels: int) -> None:
    """Raise UnreadableImageError for a file that must not be decoded. Its header alone is read."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            kind = image.format
    except Exception:  # Pillow's plugins raise nearly anything on damaged files
        raise UnreadableImageError("not an image of a known format") from None
    if width * height > most_pixels:
        raise UnreadableImageError(
            f"{width} x {height} pixels; at most {most_pixels / 1e6:g} million are taken"
        )
    if kind in ("JPEG", "MPO") and data.count(JPEG_SCAN) > MOST_SCANS:
        raise UnreadableImageError(f"a JPEG of more than {MOST_SCANS} scans")


def _decode_base64(text: str) -> bytes:
    head, comma, rest = text.partition(",")
    if comma and head.startswith("data:"):  # as a browser's canvas gives it
        text = rest
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UnreadableImageError("not base64") from None


def _without_content(error: UnreadableImageError) -> str:
    """Return the reason, without the words of the decoder, which may quote the file."""
    return "damaged" if str(error).startswith("damaged") else str(error)
