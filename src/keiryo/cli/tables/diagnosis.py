"""The diagnosis of a training, on the terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from keiryo.cli.progress import SEVERITY_STYLES
from keiryo.records.comparison import Trial
from keiryo.records.training import LayerSnapshot, Snapshot
from keiryo.report import words

WIDTH_WITHOUT_TERMINAL = 140
NOTHING = "–"


def print_diagnosis(trial: Trial) -> None:
    """Print how a trial ended, how far it came, and each finding with its advice."""
    console = _console()
    epochs = trial.epochs or 0
    said = [
        f"{trial.candidate}, {words.run(trial.seed, trial.fold)}: {trial.status}",
        f"{epochs} epoch{'' if epochs == 1 else 's'} in {words.duration(trial.train_seconds)}",
    ]
    if trial.history:
        last = trial.history[-1]
        said.append(f"loss {last.train_loss:.3f}")
        said.append(f"{words.percent(last.val_accuracy)} on held-out images")
    console.print(Text(", ".join(said)), soft_wrap=True)
    if trial.dropped_because is not None:
        console.print(Text(f"It was {trial.dropped_because}."), soft_wrap=True)
    if not trial.diagnosis:
        console.print(Text("Nothing found." if trial.history else "The training never began."))
    for finding in trial.diagnosis:
        console.print()
        console.print(
            Text.assemble(
                (finding.severity, SEVERITY_STYLES[finding.severity]),
                f" {finding.code}: {finding.evidence}.",
            ),
            soft_wrap=True,
        )
        console.print(Text(f"  {finding.advice}"), soft_wrap=True)
    if trial.error and trial.status == "failed" and not trial.diagnosis:
        console.print(Text(trial.error), soft_wrap=True)


def print_layers(snapshots: Sequence[Snapshot]) -> None:
    """Print each layer's figures in the first and in the last step that was looked at."""
    console = _console()
    if not snapshots:
        console.print(Text("No step of it was looked at."))
        return
    first, last = snapshots[0], snapshots[-1]
    steps = f"step {first.step + 1} → step {last.step + 1} (epoch {last.epoch})"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=Text(steps))
    table.add_column("layer", overflow="fold")
    for title in ("gradient's norm", "weights' norm", "changed by a step", "output", "remarks"):
        table.add_column(title, justify="left" if title == "remarks" else "right")
    before = {layer.layer: layer for layer in first.layers}
    for layer in last.layers:
        early = before.get(layer.layer, layer)
        table.add_row(
            Text(layer.layer),
            _pair(early.gradient_norm, layer.gradient_norm),
            _pair(early.weight_norm, layer.weight_norm),
            _pair(early.update_ratio, layer.update_ratio),
            _pair(early.activation_rms, layer.activation_rms),
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
            f"{layer.variance_ratio:.2f} times"
        )
    return ", ".join(said)


def _pair(early: float | None, late: float | None) -> str:
    if early is None or late is None:
        return NOTHING if late is None else f"{late:.2g}"
    return f"{early:.2g} → {late:.2g}"


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH_WITHOUT_TERMINAL)
