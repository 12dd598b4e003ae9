"""Gradients over layers and epochs, as a heat map for each training that is worth a look."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from pydantic import ValidationError

from keiryo.records.comparison import Trial
from keiryo.records.places import SNAPSHOTS_FILE
from keiryo.records.training import LayerSnapshot, Snapshot, SnapshotFile
from keiryo.report import words
from keiryo.report.languages.catalogue import Language
from keiryo.report.svg.cells import draw_heat_map
from keiryo.report.svg.chart import Axis
from keiryo.report.svg.scales import Scale

MOST_EPOCH_LABELS = 6
# So that a page of hundreds of trainings stays small; `keiryo diagnose` has the others.
MOST_MAPS = 12


@dataclass(frozen=True)
class GradientMap:
    """A training and its heat map."""

    trial: Trial
    chart: Markup


def read_snapshots(folder: Path) -> list[Snapshot]:
    """Return the snapshots of the trial in `folder`; none if there is no readable file."""
    try:
        return SnapshotFile.model_validate_json((folder / SNAPSHOTS_FILE).read_bytes()).snapshots
    except (OSError, ValidationError):
        return []


def draw_gradient_maps(trials: Sequence[Trial], folder: Path, say: Language) -> list[GradientMap]:
    """Return heat maps of gradient norms, at most one for each candidate.

    A candidate's training with findings comes before its others; candidates keep their order.
    """
    chosen: dict[str, GradientMap] = {}
    for trial in sorted(trials, key=lambda trial: not trial.diagnosis):
        if trial.candidate in chosen or len(chosen) == MOST_MAPS:
            continue
        snapshots = read_snapshots(folder / trial.folder)
        layers = list(dict.fromkeys(row.layer for s in snapshots for row in _rows(s)))
        if layers:
            chart = _draw_map(len(chosen), trial, snapshots, layers, say)
            chosen[trial.candidate] = GradientMap(trial, chart)
    order = list(dict.fromkeys(trial.candidate for trial in trials))
    return sorted(chosen.values(), key=lambda one: order.index(one.trial.candidate))


def _draw_map(
    number: int, trial: Trial, snapshots: list[Snapshot], layers: list[str], say: Language
) -> Markup:
    columns = [{row.layer: row for row in _rows(snapshot)} for snapshot in snapshots]
    norms = [[_log_norm(column.get(layer)) for column in columns] for layer in layers]
    last = [row[-1] for row in norms if row[-1] is not None]
    return draw_heat_map(
        f"gradients-{number}",
        layers,
        norms,
        x=_epoch_axis(snapshots, say),
        title=f"{trial.candidate}, {words.run(trial.seed, trial.fold, say)}",
        description=say.plain(
            "charts.gradient_description",
            layers=len(layers),
            steps=len(snapshots),
            first=f"{last[0]:.1f}" if last else "–",
            last=f"{last[-1]:.1f}" if last else "–",
        ),
        scale_title=say.plain("charts.gradient_scale"),
    )


def _rows(snapshot: Snapshot) -> list[LayerSnapshot]:
    return [layer for layer in snapshot.layers if layer.gradient_norm is not None]


def _log_norm(layer: LayerSnapshot | None) -> float | None:
    if layer is None or layer.gradient_norm is None or not math.isfinite(layer.gradient_norm):
        return None
    # A branch whose scale begins at zero has no gradient at first; it has not vanished.
    return math.log10(layer.gradient_norm) if layer.gradient_norm > 0 else None


def _epoch_axis(snapshots: list[Snapshot], say: Language) -> Axis:
    firsts: dict[int, int] = {}
    for column, snapshot in enumerate(snapshots):
        firsts.setdefault(snapshot.epoch, column)
    epochs = list(firsts)[:: -(-len(firsts) // MOST_EPOCH_LABELS)]
    scale = Scale(0.0, float(len(snapshots)), [firsts[epoch] + 0.5 for epoch in epochs])
    shown = {firsts[epoch] + 0.5: str(epoch) for epoch in epochs}
    return Axis(scale, say.plain("charts.epoch"), shown.__getitem__)
