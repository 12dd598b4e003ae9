"""The diagnosis of a training, on the terminal."""

from collections.abc import Sequence

from rich.text import Text

from keiryo.cli.tables.table import SEVERITY_STYLES, make_table, open_console, say
from keiryo.records.comparison import Trial
from keiryo.records.training import LayerSnapshot, Snapshot
from keiryo.report import words

NOTHING = "–"


def print_diagnosis(trial: Trial) -> None:
    """Print how a trial ended, how far it came, and each finding with its advice."""
    console = open_console()
    epochs = trial.epochs or 0
    said = [
        f"{trial.candidate}, {words.run(trial.seed, trial.fold)}: {trial.status}",
        f"{epochs} epoch{'' if epochs == 1 else 's'} in {words.duration(trial.train_seconds)}",
    ]
    if trial.history:
        last = trial.history[-1]
        said.append(f"loss {last.train_loss:.3f}")
        said.append(f"{words.percent(last.val_accuracy)} on held-out images")
    say(console, ", ".join(said))
    if trial.dropped_because is not None:
        say(console, f"It was {trial.dropped_because}.")
    if not trial.diagnosis:
        say(console, "Nothing found." if trial.history else "The training never began.")
    for finding in trial.diagnosis:
        console.print()
        console.print(
            Text.assemble(
                (finding.severity, SEVERITY_STYLES[finding.severity]),
                f" {finding.code}: {finding.evidence}.",
            ),
            soft_wrap=True,
        )
        say(console, f"  {finding.advice}")
    if trial.error and trial.status == "failed" and not trial.diagnosis:
        say(console, trial.error)


def print_layers(snapshots: Sequence[Snapshot]) -> None:
    """Print each layer's figures in the first and in the last watched step."""
    console = open_console()
    if not snapshots:
        say(console, "No step of this training was watched.")
        return
    first, last = snapshots[0], snapshots[-1]
    steps = f"step {last.step + 1} (epoch {last.epoch})"
    if first is not last:
        steps = f"step {first.step + 1} → {steps}"
    figures = ("gradient norm", "weight norm", "update / weights", "output RMS")
    table = make_table(["layer"], figures, steps)
    table.add_column("remarks")
    before = {layer.layer: layer for layer in first.layers if first is not last}
    for layer in last.layers:
        early = before.get(layer.layer)
        table.add_row(
            Text(layer.layer),
            *(
                _pair(early and getattr(early, name), getattr(layer, name))
                for name in ("gradient_norm", "weight_norm", "update_ratio", "activation_rms")
            ),
            _remarks(layer),
        )
    console.print(table)


def _remarks(layer: LayerSnapshot) -> str:
    said = []
    if layer.dead_share:
        said.append(f"{layer.dead_share:.0%} dead")
    if layer.saturated_share:
        said.append(f"{layer.saturated_share:.1%} saturated")
    if layer.mean_gap is not None and layer.variance_ratio is not None:
        said.append(
            f"running mean {layer.mean_gap:.2f} deviations off, variance "
            f"{layer.variance_ratio:.2f} times the batch's"
        )
    return ", ".join(said)


def _pair(early: float | None, late: float | None) -> str:
    if early is None or late is None:
        return NOTHING if late is None else f"{late:.2g}"
    return f"{early:.2g} → {late:.2g}"
