"""The comparison as a table on the terminal."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from keiryo.cli.tables.table import (
    SEVERITY_STYLES,
    make_table,
    needed_width,
    open_console,
    say,
    say_command,
)
from keiryo.files import shown
from keiryo.records.comparison import Comparison, Trial
from keiryo.records.places import REPORT_FILE
from keiryo.records.speed import TORCH
from keiryo.report import choice, words
from keiryo.report.decision import architectures
from keiryo.report.order import best_first, dropped_early
from keiryo.sentences import count

FIGURES = ("held out", "training", "latency", "size", "params", "MACs", "trained in")
# Columns that a narrow terminal can do without, in this order.
LEFT_OUT_FIRST = ("MACs", "params", "training", "trained in")
MOST_REASONS = 6


def print_table(comparison: Comparison, out: Path) -> None:
    """Print all trials, the best model first, and what to do next, to standard output."""
    console = open_console()
    shows_balanced = comparison.data.is_uneven or comparison.metric == "balanced"
    figures = [*FIGURES]
    if shows_balanced:
        figures.insert(1, "balanced")
    left_out: list[str] = []
    table = _table(comparison, figures)
    # Folded names cannot be read; what is left out stands in the report.
    for name in LEFT_OUT_FIRST:
        if needed_width(table, console) <= console.width:
            break
        figures.remove(name)
        left_out.append(name)
        table = _table(comparison, figures)
    console.print(table)
    if left_out:
        say(console, f"The report also has: {', '.join(reversed(left_out))}.", "dim")
    if comparison.engine != TORCH:
        say(console, f"Held out, latency and size: the exported files on {_engine(comparison)}.")
    if any(map(comparison.is_on_another_engine, comparison.trials)):
        say(console, f"{words.OF_TORCH} Those of torch: the network could not be exported.")
    if (legend := choice.legend(comparison)) is not None:
        say(console, legend)
    has_disturbed_latency = any(words.is_disturbed(t.latency_ms) for t in comparison.trials)
    if has_disturbed_latency or any(trial.disturbed for trial in comparison.trials):
        say(console, f"* {words.DISTURBED}")
    if has_disturbed_latency:
        say(console, f"  {words.JUDGED_BY_BEST} To measure again:")
        say_command(
            console, "  ", f"keiryo compare --resume --measure-again --out {shlex.quote(str(out))}"
        )
    for candidate, because in dropped_early(comparison).items():
        say(console, f"{candidate} {because}")
    for finding in comparison.findings:
        text = f"{finding.severity}: {finding.evidence}. {finding.advice}"
        say(console, text, SEVERITY_STYLES[finding.severity])
    if comparison.advises_against_best:
        best = comparison.most_accurate or comparison.recommended
        say(console, f"Recommended: none; {best} is the best, but see the error")
    elif comparison.recommended_trial:
        trial = out / comparison.recommended_trial
        because = choice.reason(comparison)
        say(console, f"Recommended: {comparison.recommended}" + (f", {because}" if because else ""))
        command = f"keiryo predict {shlex.quote(str(trial))} IMAGE.jpg"
        say_command(console, "Use it:      ", command)
        if (file := _exported_file(comparison)) is not None:
            command = f"python -m keiryo_runtime {shlex.quote(str(out / file))} IMAGE.jpg"
            say_command(console, "or, without torch: ", command)
    elif comparison.ranking:
        say(console, "Recommended: none, since no model is within the limits")
    else:
        say(console, "Recommended: none, since no model has finished")
    _say_reasons(console, comparison)
    for sentence in architectures.compared_in_words(comparison):
        say(console, sentence)
    say_command(console, "Report:      ", shown(out / REPORT_FILE))


def _say_reasons(console: Console, comparison: Comparison) -> None:
    """Say why each other candidate is not recommended; the dropped ones have been named."""
    if comparison.recommended is None:
        return
    others = [
        (name, because)
        for name in comparison.ranking
        if (because := choice.why_not(comparison, name)) is not None
    ]
    for name, because in others[:MOST_REASONS]:
        say(console, f"Not {name}: {because}.")
    if len(others) > MOST_REASONS:
        rest = len(others) - MOST_REASONS
        say(console, f"The report has the reasons against {count(rest, 'other')}.")


def _table(comparison: Comparison, figures: Sequence[str]) -> Table:
    table = make_table(["model"], figures)
    for trial in best_first(comparison):
        cells = _cells(comparison, trial)
        recommended = trial.folder == comparison.recommended_trial
        table.add_row(
            _name(trial),
            *(cells[figure] for figure in figures),
            style="bold" if recommended else None,
        )
    baseline = {"held out": words.percent(comparison.data.baseline)}
    table.add_row("largest class alone", *(baseline.get(figure, "") for figure in figures))
    return table


def _engine(comparison: Comparison) -> str:
    return comparison.engine_version or comparison.engine


def _exported_file(comparison: Comparison) -> str | None:
    """Return the exported file of the recommended trial, from the comparison's folder."""
    for trial in comparison.trials:
        export = trial.exports.get(comparison.engine)
        if trial.folder == comparison.recommended_trial and export and export.file:
            return f"{trial.folder}/{export.file}"
    return None


def _name(trial: Trial) -> str:
    is_first = trial.seed == 0 and trial.fold is None
    name = (
        trial.candidate if is_first else f"{trial.candidate} ({words.run(trial.seed, trial.fold)})"
    )
    return name if trial.status == "done" else f"{name}: {words.status(trial)}"


def _cells(comparison: Comparison, trial: Trial) -> dict[str, str]:
    is_on_another_engine = comparison.is_on_another_engine(trial)
    return {
        "held out": choice.accuracy(comparison, trial.candidate, trial.val_accuracy),
        "balanced": words.percent(trial.val_balanced_accuracy),
        "training": words.percent(trial.train_accuracy),
        "latency": words.of_engine(words.latency(trial.latency_ms), is_on_another_engine),
        "size": words.of_engine(words.size(trial.artifact_bytes), is_on_another_engine),
        "params": words.number(trial.parameters),
        "MACs": words.number(trial.macs),
        "trained in": words.duration(trial.train_seconds) + "*" * trial.disturbed,
    }
