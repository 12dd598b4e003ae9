"""The answers of each candidate's network, as the page shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from keiryo.records.analysis import Analysis
from keiryo.records.comparison import Comparison, Trial
from keiryo.report import words
from keiryo.report.charts.reliability import draw_reliability
from keiryo.report.languages.catalogue import Language

MOST_CANDIDATES = 12  # so that a page of hundreds of them stays small
MOST_CLASSES = 20  # a larger matrix cannot be read
MOST_PAIRS = 20


@dataclass(frozen=True)
class CandidateAnswers:
    """A candidate's trained network, and its answers for the held-out images.

    `matrix` has a row for each class, None if there are too many; `pairs` are the confusions,
    the most frequent first: label, predicted class, images.
    """

    trial: Trial
    analysis: Analysis
    matrix: list[list[int]] | None
    pairs: list[tuple[str, str, int]]
    calibration: str | None
    chart: Markup | None


def candidate_answers(comparison: Comparison, say: Language) -> list[CandidateAnswers]:
    """Return the answers of the first candidates of the ranking, of those that have been recorded.

    A candidate stands for the network that would be handed over.
    """
    by_folder: Mapping[str, Trial] = {trial.folder: trial for trial in comparison.trials}
    found: list[CandidateAnswers] = []
    for name in comparison.ranking:
        record = comparison.candidate_named(name)
        trial = by_folder.get(record.trial or "") if record else None
        if trial is not None and trial.analysis is not None and len(found) < MOST_CANDIDATES:
            found.append(_answers(trial, trial.analysis, len(found), say))
    return found


def _answers(trial: Trial, analysis: Analysis, number: int, say: Language) -> CandidateAnswers:
    names = [one.name for one in analysis.classes]
    calibration = analysis.calibration
    return CandidateAnswers(
        trial,
        analysis,
        analysis.confusion_matrix if len(names) <= MOST_CLASSES else None,
        _pairs(analysis.confusions, names),
        None if calibration is None else words.calibration(calibration, say),
        draw_reliability(calibration, f"calibration-{number}", say)
        if calibration is not None and calibration.bins
        else None,
    )


def _pairs(
    confusions: Sequence[tuple[int, int, int]], names: Sequence[str]
) -> list[tuple[str, str, int]]:
    wrong = [each for each in confusions if each[0] != each[1]]
    wrong.sort(key=lambda each: -each[2])
    return [(names[label], names[told], images) for label, told, images in wrong[:MOST_PAIRS]]
