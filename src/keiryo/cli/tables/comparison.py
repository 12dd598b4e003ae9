"""The comparison as a table on the terminal."""

import shlex
from pathlib import Path

from keiryo.cli.tables.table import SEVERITY_STYLES, make_table, open_console, say
from keiryo.records.comparison import Comparison, Trial
from keiryo.records.places import REPORT_FILE
from keiryo.report import words
from keiryo.report.order import best_first, dropped_early


def print_table(comparison: Comparison, out: Path) -> None:
    """Print all trials, the best model first, and what to do next, to standard output."""
    console = open_console()
    shows_balanced = comparison.data.is_uneven or comparison.metric == "balanced"
    figures = ["held out", "training", "latency", "size", "params", "MACs", "trained in"]
    if shows_balanced:
        figures.insert(1, "balanced")
    table = make_table(["model"], figures)
    for trial in best_first(comparison):
        cells = _row(trial)
        if shows_balanced:
            cells.insert(2, words.percent(trial.val_balanced_accuracy))
        recommended = trial.folder == comparison.recommended_trial
        table.add_row(*cells, style="bold" if recommended else None)
    blanks = [""] * (len(figures) - 1)
    table.add_row("largest class alone", words.percent(comparison.data.baseline), *blanks)
    console.print(table)
    has_disturbed_latency = any(words.is_disturbed(t.latency_ms) for t in comparison.trials)
    if has_disturbed_latency or any(trial.disturbed for trial in comparison.trials):
        say(console, f"* {words.DISTURBED}")
    if has_disturbed_latency:
        say(console, f"  {words.JUDGED_BY_BEST} To measure again:")
        say(console, f"  keiryo compare --resume --measure-again --out {shlex.quote(str(out))}")
    for candidate, because in dropped_early(comparison).items():
        say(console, f"{candidate} {because}")
    for finding in comparison.findings:
        text = f"{finding.severity}: {finding.evidence}. {finding.advice}"
        say(console, text, SEVERITY_STYLES[finding.severity])
    if comparison.recommended_trial:
        trial = out / comparison.recommended_trial
        say(console, f"Recommended: {comparison.recommended}")
        say(console, f"Use it:      keiryo predict {shlex.quote(str(trial))} IMAGE.jpg")
    elif comparison.ranking:
        say(console, "Recommended: none, since no model is within the limits")
    else:
        say(console, "Recommended: none, since no model has finished")
    say(console, f"Report:      {out / REPORT_FILE}")


def _row(trial: Trial) -> list[str]:
    is_first = trial.seed == 0 and trial.fold is None
    name = (
        trial.candidate if is_first else f"{trial.candidate} ({words.run(trial.seed, trial.fold)})"
    )
    if trial.status != "done":
        name += f": {words.status(trial)}"
    return [
        name,
        words.percent(trial.val_accuracy),
        words.percent(trial.train_accuracy),
        words.latency(trial.latency_ms),
        words.size(trial.artifact_bytes),
        words.number(trial.parameters),
        words.number(trial.macs),
        words.duration(trial.train_seconds) + "*" * trial.disturbed,
    ]
