"""Surveys of images that are only described, for tests of what is concluded from them."""

from collections.abc import Sequence
from dataclasses import replace

from keiryo.data.image.facts import ImageFacts
from keiryo.data.items import Split, SurveyedImage
from keiryo.data.survey_record import NearCopy, Survey

Described = tuple[int, str, Split | None]

PLAIN = ImageFacts(
    digest="", hash="", width=100, height=100, brightness=120.0, contrast=50.0, sharpness=20.0
)


def survey_of(
    images: Sequence[Described],
    *,
    classes: int = 4,
    near: Sequence[NearCopy] = (),
    facts: dict[int, ImageFacts] | None = None,
) -> Survey:
    """Return the survey of images given by label, digest and split, some by `facts` too."""
    return Survey(
        name="set",
        classes=[f"class{number}" for number in range(classes)],
        images=[
            SurveyedImage(
                f"p{row}", label, split, replace((facts or {}).get(row, PLAIN), digest=digest)
            )
            for row, (label, digest, split) in enumerate(images)
        ],
        left_out=[],
        near_copies=list(near),
        findings=[],
    )
