"""The record of a survey: every image of a source, and the pairs that are near-copies."""

from keiryo.data.items import LeftOut, Picture
from keiryo.records.base import Finding, Record

# Two rows of a survey, and the distance between their hashes, of 256 bits.
NearCopy = tuple[int, int, int]


class Survey(Record):
    """What is known of all pictures of a source; `near_copies` are rows of `pictures`."""

    name: str
    classes: list[str]
    pictures: list[Picture]
    left_out: list[LeftOut]
    near_copies: list[NearCopy]
    findings: list[Finding]
