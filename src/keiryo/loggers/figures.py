"""The logged figures of a record: all of its numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from keiryo.comparison.plan import Plan, TrialPlan
from keiryo.records.base import Finding, Record
from keiryo.records.data import DataSummary

# Fields of a plan that define its trials; each trial has its own model, seed and fold.
FIELDS_OF_ALL_TRIALS = {"format_version", "models", "seeds", "folds", "seed"}


def numbers(record: Record) -> dict[str, float]:
    """Return the numbers in `record` by the names of their fields.

    Numbers within another record, a mapping or a sequence are named by their path:
    `latency_ms/p50`, `robustness/noise/1`. Sequences of records, such as the history of a trial,
    are left out, and so are fields that are None.
    """
    return _numbers("", {name: getattr(record, name) for name in type(record).model_fields})


def _numbers(name: str, value: Any) -> dict[str, float]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {name: float(value)}
    if isinstance(value, Record):
        parts = {part: getattr(value, part) for part in type(value).model_fields}
    elif isinstance(value, Mapping):
        parts = value
    elif isinstance(value, Sequence) and all(isinstance(part, int | float) for part in value):
        parts = dict(enumerate(value, start=1))
    else:
        return {}
    found: dict[str, float] = {}
    for part, inner in parts.items():
        found |= _numbers(f"{name}/{part}" if name else str(part), inner)
    return found


def hyperparameters(
    plan: Plan, trial: TrialPlan, data: DataSummary | None
) -> dict[str, str | int | float]:
    """Return the settings of a trial: model, seed and fold, options, data."""
    options = plan.model_dump(exclude_none=True, exclude=FIELDS_OF_ALL_TRIALS)
    found: dict[str, str | int | float] = {"model": trial.model, "seed": trial.seed}
    if trial.fold is not None:
        found["fold"] = trial.fold
    found |= {
        name: value for name, value in options.items() if isinstance(value, str | int | float)
    }
    found["recipe"] = trial.recipe  # that of this trial, if there are several
    if data is not None:
        found |= {f"data/{name}": int(number) for name, number in numbers(data).items()}
        found["data/classes"] = len(data.classes)
    return found


def as_text(findings: Sequence[Finding]) -> str:
    """Return `findings` as a list in Markdown."""
    return "\n".join(
        f"- **{finding.severity}**, {finding.code}: {finding.evidence}. {finding.advice}"
        for finding in findings
    )
