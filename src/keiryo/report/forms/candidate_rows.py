"""The rows of a comparison's table, a candidate each, as text for any form."""

from collections.abc import Sequence
from dataclasses import dataclass

from keiryo.records.comparison import Comparison, Trial
from keiryo.report import choice, words
from keiryo.sentences import count


@dataclass(frozen=True)
class CandidateRow:
    """A candidate's figures as text; figures that were not measured are dashes."""

    name: str
    accuracy: str
    spread: str
    latency: str
    size: str
    parameters: str
    macs: str
    train_time: str
    is_recommended: bool


HEADINGS = (
    *("model", "held-out accuracy", "95 % interval, or range over trainings", "latency", "size"),
    *("parameters", "multiply-accumulates", "training time"),
)


def candidate_rows(comparison: Comparison) -> list[CandidateRow]:
    """Return a row for each ranked candidate, best first, then for those that did not finish."""
    trials_of: dict[str, list[Trial]] = {name: [] for name in comparison.ranking}
    for trial in comparison.trials:
        trials_of.setdefault(trial.candidate, []).append(trial)
    return [_row(comparison, name, trials) for name, trials in trials_of.items()]


def cells(row: CandidateRow) -> tuple[str, ...]:
    """Return the cells of a row, in the order of `HEADINGS`."""
    return (
        row.name,
        row.accuracy,
        row.spread,
        row.latency,
        row.size,
        row.parameters,
        row.macs,
        row.train_time,
    )


def summary_sentences(comparison: Comparison) -> list[str]:
    """Return what stands below the table: the data, the training, and the machine."""
    data, machine = comparison.data, comparison.machine
    budget = (
        f"{comparison.epochs} epochs" if comparison.epochs else f"{comparison.minutes:g} minutes"
    )
    threads = count(machine.threads, "thread")
    said = [
        f"{data.name}: {data.train_images:,} training and {data.val_images:,} held-out images of "
        f"{len(data.classes)} classes, {data.size} x {data.size} px; {budget}, recipe "
        f"{comparison.recipe}, batch {comparison.batch}.",
        f"Always naming the largest class gives {words.percent(data.baseline)}.",
        f"Latency: one image, {comparison.engine_version or comparison.engine}, "
        f"{machine.processor} ({machine.device}, {threads}).",
    ]
    if any(words.is_disturbed(trial.latency_ms) or trial.disturbed for trial in comparison.trials):
        said.append(f"* {words.DISTURBED}")
    if (legend := choice.legend(comparison)) is not None:
        said.append(legend)
    return said


def _row(comparison: Comparison, name: str, trials: Sequence[Trial]) -> CandidateRow:
    done = [trial for trial in trials if trial.status == "done"]
    if not done:
        status = words.status(trials[0])
        return CandidateRow(name, status, "–", "–", "–", "–", "–", "–", is_recommended=False)
    first = done[0]
    scores = [trial.val_accuracy for trial in done if trial.val_accuracy is not None]
    mean = sum(scores) / len(scores) if scores else None
    interval = first.val_accuracy_interval
    spread = "–"
    if len(scores) > 1:
        low, high = words.percent(min(scores)), words.percent(max(scores))
        spread = f"{low} to {high} ({len(scores)} trainings)"
    elif interval is not None:
        spread = f"{words.percent(interval[0])} to {words.percent(interval[1])}"
    seconds = [trial.train_seconds for trial in done if trial.train_seconds is not None]
    time = words.duration(sum(seconds) / len(seconds)) if seconds else "–"
    return CandidateRow(
        name=name,
        accuracy=choice.accuracy(comparison, name, mean),
        spread=spread,
        latency=words.of_engine(
            words.latency(first.latency_ms), comparison.is_on_another_engine(first)
        ),
        size=words.size(first.artifact_bytes),
        parameters=words.number(first.parameters),
        macs=words.number(first.macs),
        train_time=time + "*" * any(trial.disturbed for trial in done),
        is_recommended=name == comparison.recommended,
    )
