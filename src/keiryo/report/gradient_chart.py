"""Gradients over layers and epochs, as one Plotly figure in JSON."""

import math
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from pydantic import ValidationError

from keiryo.records.comparison import Trial
from keiryo.records.places import SNAPSHOTS_FILE
from keiryo.records.training import LayerSnapshot, Snapshot, SnapshotFile
from keiryo.report import words
from keiryo.report.charts import LAYOUT, MOST_TICKS

ROW_HEIGHT = 13
FEWEST_ROWS_SHOWN = 14


def read_snapshots(folder: Path) -> list[Snapshot]:
    """Return the snapshots of the trial in `folder`; none if there is no readable file."""
    try:
        return SnapshotFile.model_validate_json((folder / SNAPSHOTS_FILE).read_bytes()).snapshots
    except (OSError, ValidationError):
        return []


def gradient_heat_maps(seen: list[tuple[Trial, list[Snapshot]]]) -> dict[str, Any] | None:
    """Return heat maps of gradient norms, of which the reader chooses one; None: no snapshots."""
    seen = [(trial, snapshots) for trial, snapshots in seen if snapshots]
    if not seen:
        return None
    figure = go.Figure()
    buttons = []
    for place, (trial, snapshots) in enumerate(seen):
        layers = list(dict.fromkeys(row.layer for s in snapshots for row in _rows(s)))
        figure.add_trace(_heat_map(snapshots, layers, visible=place == 0))
        buttons.append(
            {
                "label": f"{trial.candidate}, {words.run(trial.seed, trial.fold)}",
                "method": "update",
                "args": [
                    {"visible": [other == place for other in range(len(seen))]},
                    {"height": _height(layers), "xaxis": _epoch_axis(snapshots)},
                ],
            }
        )
    figure.update_layout(LAYOUT)
    figure.update_layout(
        margin={"l": 10, "r": 20, "t": 60, "b": 50},
        height=buttons[0]["args"][1]["height"],
        xaxis=_epoch_axis(seen[0][1]),
        updatemenus=[{"buttons": buttons, "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"}],
    )
    figure.update_yaxes(autorange="reversed", automargin=True, tickfont={"size": 10}, dtick=1)
    return figure.to_plotly_json()


def _heat_map(snapshots: list[Snapshot], layers: list[str], *, visible: bool) -> go.Heatmap:
    columns = [{row.layer: row for row in _rows(snapshot)} for snapshot in snapshots]
    return go.Heatmap(
        x=list(range(len(snapshots))),
        y=layers,
        z=[[_log_norm(column.get(layer)) for column in columns] for layer in layers],
        text=[
            [
                _in_words(snapshot, column.get(layer))
                for snapshot, column in zip(snapshots, columns, strict=True)
            ]
            for layer in layers
        ],
        visible=visible,
        colorscale="Viridis",
        colorbar={"title": {"text": "log₁₀ of the<br>gradient's norm"}, "thickness": 12},
        hovertemplate="%{y}<br>%{text}<extra></extra>",
    )


def _rows(snapshot: Snapshot) -> list[LayerSnapshot]:
    return [layer for layer in snapshot.layers if layer.gradient_norm is not None]


def _log_norm(layer: LayerSnapshot | None) -> float | None:
    if layer is None or layer.gradient_norm is None or not math.isfinite(layer.gradient_norm):
        return None
    # A branch whose scale begins at zero has no gradient at first; it has not vanished.
    return round(math.log10(layer.gradient_norm), 2) if layer.gradient_norm > 0 else None


def _in_words(snapshot: Snapshot, layer: LayerSnapshot | None) -> str:
    if layer is None:
        return ""
    update = "–" if layer.update_ratio is None else f"{layer.update_ratio:.1e}"
    return (
        f"epoch {snapshot.epoch}, step {snapshot.step + 1}<br>"
        f"gradient {layer.gradient_norm:.2g}, weights {layer.weight_norm:.3g}<br>"
        f"the step changed {update} of the weights"
    )


def _epoch_axis(snapshots: list[Snapshot]) -> dict[str, Any]:
    firsts: dict[int, int] = {}
    for column, snapshot in enumerate(snapshots):
        firsts.setdefault(snapshot.epoch, column)
    epochs = list(firsts)[:: -(-len(firsts) // MOST_TICKS)]
    return {
        "title": {"text": "epoch"},
        "tickvals": [firsts[epoch] for epoch in epochs],
        "ticktext": [str(epoch) for epoch in epochs],
    }


def _height(layers: list[str]) -> int:
    return 140 + ROW_HEIGHT * max(FEWEST_ROWS_SHOWN, len(layers))
