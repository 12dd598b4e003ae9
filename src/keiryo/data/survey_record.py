"""The record of a survey: each image of a source, and the pairs of near-copies."""

from pydantic import AliasChoices, Field

from keiryo.data.items import LeftOut, SurveyedImage
from keiryo.records.base import Finding, Record

# Two rows of a survey, and the distance between their hashes, of 256 bits.
NearCopy = tuple[int, int, int]


class Survey(Record):
    """All images of a source after they were read; `near_copies` refer to rows of `images`."""

    name: str
    classes: list[str]
    # Packs of earlier versions call them pictures.
    images: list[SurveyedImage] = Field(validation_alias=AliasChoices("images", "pictures"))
    left_out: list[LeftOut]
    near_copies: list[NearCopy]
    findings: list[Finding]
