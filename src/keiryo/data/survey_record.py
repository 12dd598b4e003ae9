"""The record of a survey: every image of a source, and the pairs that are near-copies."""

from pydantic import AliasChoices, Field

from keiryo.data.items import LeftOut, SurveyedImage
from keiryo.records.base import Finding, Record

# Two rows of a survey, and the distance between their hashes, of 256 bits.
NearCopy = tuple[int, int, int]


class Survey(Record):
    """All images of a source after reading; `near_copies` are rows of `images`."""

    name: str
    classes: list[str]
    # Packs made by earlier versions call them pictures.
    images: list[SurveyedImage] = Field(validation_alias=AliasChoices("images", "pictures"))
    left_out: list[LeftOut]
    near_copies: list[NearCopy]
    findings: list[Finding]
