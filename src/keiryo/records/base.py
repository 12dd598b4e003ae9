"""The records that cross rooms and go to disk.

They know nothing but their fields: no torch, no paths that only this machine has.
Every number carries its unit in its name.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Severity = Literal["info", "warning", "error"]
Status = Literal["done", "failed", "stopped"]


class Record(BaseModel):
    """A record that refuses keys it does not know."""

    # What is not a number stays so when it is read again: JSON itself knows no NaN.
    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="strings")


class ImageGroup(Record):
    """Images that belong together: copies, near-copies, or a leak with its origin."""

    files: list[str]
    labels: list[str]
    splits: list[str] = Field(default=[], description="in which each lies, where there are some")
    distance: int | None = Field(default=None, description="between the hashes of two, of 256 bits")


class Finding(Record):
    """Something a user should know about their data or a training: what, how bad, what to do."""

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
