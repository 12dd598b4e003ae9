"""The record of a study: a claim, the experiment, its figures, and verdicts with reasons."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from keiryo.records.base import Machine, Record
from keiryo.records.speed import Load

STUDY_FILE = "study.json"
STUDY_PAGE = "study.html"

Verdict = Literal["holds", "within_limits", "does_not_hold", "not_judged"]


class Told(Record):
    """A text in each language of the pages."""

    en: str
    ja: str


class Judgement(Record):
    """The verdict about one part of a claim, and its reason."""

    part: str
    claim: Told
    verdict: Verdict
    reason: Told


class StudyTable(Record):
    """A table of figures; a cell is a figure in words, or a text in each language."""

    title: Told
    columns: list[Told]
    rows: list[list[Told | str]]


class Series(Record):
    """Points of a plot, with an interval each if there are `lows` and `highs`."""

    name: Told
    xs: list[float]
    ys: list[float]
    lows: list[float] = []
    highs: list[float] = []
    kind: Literal["points", "line", "reference"] = "points"


class Plot(Record):
    """A plot as data."""

    name: str = Field(description="its own on the page")
    title: Told
    description: Told = Field(description="what it shows, for readers who do not see it")
    x_title: Told
    y_title: Told
    x_is_logarithmic: bool = False
    y_is_logarithmic: bool = False
    series: list[Series]


class Study(Record):
    """One claim, shown by an experiment on this machine."""

    kind: Literal["study"] = "study"
    study: str
    keiryo_version: str
    machine: Machine
    seed: int
    is_quick: bool
    seconds: float
    load: Load = Field(description="load of the machine during the whole study")
    title: Told
    claim: Told
    formulas: list[str]
    experiment: Told
    verdict: Verdict
    judgements: list[Judgement]
    tables: list[StudyTable]
    plots: list[Plot]


def conclude(judgements: Sequence[Judgement]) -> Verdict:
    """Return the verdict about a claim whose parts were judged.

    It holds if all judged parts do, and does not hold if none does; otherwise it holds within
    limits. Parts that were not judged do not count.
    """
    verdicts: set[Verdict] = {one.verdict for one in judgements}
    verdicts.discard("not_judged")
    if not verdicts:
        return "not_judged"
    if len(verdicts) == 1:
        return verdicts.pop()
    return "within_limits"
