"""The identity of an image: what it is recognised by in another set, at another size, later.

It is that of the image's file, or of its pixels where it has no file. A trained model carries a
short mark of each image that it was trained on.
"""

import base64
from collections.abc import Iterable, Set

import numpy as np

from keiryo.data.items import SurveyedImage
from keiryo.data.survey_record import Survey

# Of 100,000 images, one is taken for one of 100,000 others with a probability of 4 in 100,000.
MARK_DIGITS = 12


def identity_of(image: SurveyedImage) -> str:
    """Return the identity of an image, hexadecimal; packs of earlier versions know only pixels."""
    return image.facts.content or image.facts.digest


def mark_of(image: SurveyedImage) -> str:
    """Return the first `MARK_DIGITS` digits of an image's identity."""
    return identity_of(image)[:MARK_DIGITS]


def known_images(survey: Survey, marks: Set[str]) -> np.ndarray:
    """Return, for each row of `survey`, whether its mark is among `marks`; bool, (rows,)."""
    return np.array([mark_of(image) in marks for image in survey.images], dtype=bool)


def encode_marks(marks: Iterable[str]) -> str:
    """Return `marks` as text, eight characters each, in order."""
    return base64.b64encode(bytes.fromhex("".join(sorted(set(marks))))).decode()


def decode_marks(text: str) -> frozenset[str]:
    """Return the marks in `text`; raise ValueError if it holds none or others."""
    digits = base64.b64decode(text, validate=True).hex()
    if len(digits) % MARK_DIGITS:
        raise ValueError("cut short")
    return frozenset(
        digits[start : start + MARK_DIGITS] for start in range(0, len(digits), MARK_DIGITS)
    )
