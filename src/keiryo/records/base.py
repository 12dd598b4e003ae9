"""The base of all records, and the records that several of them use.

Records hold no torch objects and no paths of one machine.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Severity = Literal["info", "warning", "error"]
Status = Literal["done", "failed", "stopped"]


class Record(BaseModel):
    """A record that refuses keys it does not know."""

    # NaN and infinity are written as strings, since JSON has neither.
    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="strings")


class ImageGroup(Record):
    """Images that belong together: copies, near-copies, or a leak with its original."""

    files: list[str]
    labels: list[str]
    splits: list[str] = Field(default=[], description="the split of each, if there are splits")
    distance: int | None = Field(
        default=None, description="number of differing bits, of 256, between two images' hashes"
    )


class Finding(Record):
    """A problem of the user's data or training: its severity, the evidence, and advice."""

    code: str
    severity: Severity
    evidence: str
    advice: str
    files: list[str] = []
    groups: list[ImageGroup] = []


class Machine(Record):
    """The machine that figures were measured on."""

    system: str
    processor: str
    cores: int
    memory_bytes: int
    device: str
    threads: int
    python: str
    torch: str
