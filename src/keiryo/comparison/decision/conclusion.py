"""The conclusion of a comparison: ranking, tests, recommendation, reasons."""

import datetime
from pathlib import Path

import numpy as np
import torch

from keiryo.comparison.conclusions import conclude
from keiryo.comparison.decision.answers import Answers
from keiryo.comparison.decision.architectures import compare_architectures, trainings_lacking
from keiryo.comparison.decision.candidates import fill_candidates
from keiryo.comparison.decision.paired import differences_from, may_replace_best, replacements
from keiryo.comparison.plan import Plan
from keiryo.comparison.rank import rank, recommend_lightest
from keiryo.measure.engines import find_engine
from keiryo.measure.machine import describe_machine
from keiryo.records.comparison import Comparison, Trial
from keiryo.records.data import DataSummary
from keiryo.records.decision import ArchitectureDifference, Difference
from keiryo.version import __version__

RECORDED_OPTIONS = {
    *("recipe", "augment", "fine_tune", "batch", "epochs", "minutes", "budget", "class_weights"),
    *("stop_early", "metric", "engine"),
}


def conclude_comparison(
    plan: Plan,
    data: DataSummary,
    trials: list[Trial],
    labels: np.ndarray,
    out: Path,
    *,
    complete: bool,
) -> Comparison:
    """Return the comparison of finished `trials`: ranked, tested, with a recommendation.

    `labels` (rows,) are those of the pack; `out` holds the trials' answers.
    """
    ranking = rank(trials, plan.limits, plan.metric)
    best, best_trial = ranking.recommended, ranking.recommended_trial
    answers = Answers(trials, labels, out)
    differences: list[Difference] = []
    architectures: list[ArchitectureDifference] = []
    may_replace: dict[str, list[str]] = {one: [] for one in ranking.models}
    if best is not None and plan.metric == "accuracy":
        differences = differences_from(best, ranking.models, answers)
        as_good = may_replace_best(differences, trials, data.baseline)
        ranking = recommend_lightest(ranking, trials, plan.limits, as_good)
    if plan.metric == "accuracy":
        may_replace = replacements(ranking.models, trials, answers, data.baseline)
        architectures = compare_architectures(ranking.models, answers, seed=plan.seed)
    comparison = Comparison(
        keiryo_version=__version__,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        machine=describe_machine(
            device=plan.device, threads=plan.threads, torch_version=torch.__version__
        ),
        data=data,
        **plan.model_dump(include=RECORDED_OPTIONS),
        engine_version=find_engine(plan.engine).title_with_version,
        limits=plan.limits,
        trials=trials,
        ranking=ranking.models,
        pareto=ranking.pareto,
        recommended=ranking.recommended,
        most_accurate=best,
        most_accurate_trial=best_trial,
        differences=differences,
        architectures=architectures,
        may_replace=may_replace,
        trainings_lacking=trainings_lacking(ranking.models, answers),
        recommended_trial=ranking.recommended_trial,
        complete=complete,
    )
    comparison.findings = conclude(comparison)
    if comparison.advises_against_best:
        comparison.recommended = comparison.recommended_trial = None
    fill_candidates(comparison)
    return comparison
