"""The charts of the report, as Plotly figures in JSON."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from keiryo.records.comparison import Comparison, Trial
from keiryo.report import words
from keiryo.report.colors import HELD_OUT, MODELS, TRAINING

PANELS_PER_ROW = 2
PANEL_HEIGHT = 270
LEGEND_HEIGHT = 90
MOST_TICKS = 10
LABEL_PLACES = ("top center", "bottom center")
ROUND_COSTS = [
    digit * 10.0**power for power in range(-3, 6) for digit in (1, 2, 5)
]  # where a logarithmic axis is labelled
LAYOUT = {
    "template": "plotly_white",
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "margin": {"l": 60, "r": 20, "t": 40, "b": 50},
}


@dataclass(frozen=True)
class CostAxis:
    """A cost on the horizontal axis of the accuracy, with its figure for each trial."""

    title: str
    figures: list[float | None]


def accuracy_curves(comparison: Comparison) -> dict[str, Any]:
    """Return training and held-out accuracy over the epochs: a panel a model, a line a seed."""
    trials_of: dict[str, list[Trial]] = defaultdict(list)
    for trial in comparison.trials:
        if trial.history:
            trials_of[trial.candidate].append(trial)
    rows = -(-len(trials_of) // PANELS_PER_ROW)
    figure = make_subplots(
        rows=max(1, rows),
        cols=PANELS_PER_ROW,
        subplot_titles=list(trials_of),
        shared_yaxes=True,
        horizontal_spacing=0.04,
        vertical_spacing=0.28 / max(1, rows),
    )
    for panel, trials in enumerate(trials_of.values()):
        row, column = panel // PANELS_PER_ROW + 1, panel % PANELS_PER_ROW + 1
        for index, trial in enumerate(trials):
            first = panel == 0 and index == 0
            figure.add_trace(
                _curve(trial, "train_accuracy", "training", TRAINING, first), row, column
            )
            figure.add_trace(
                _curve(trial, "val_accuracy", "held out", HELD_OUT, first), row, column
            )
        baseline = go.layout.Shape(
            type="line",
            xref="x domain",
            x0=0,
            x1=1,
            y0=comparison.data.baseline,
            y1=comparison.data.baseline,
            line={"color": "#cccccc", "width": 1},
        )
        figure.add_shape(baseline, row=row, col=column)
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    figure.update_layout(
        **LAYOUT,
        height=PANEL_HEIGHT * max(1, rows) + LEGEND_HEIGHT,
        legend={"orientation": "h", "y": -0.12 / max(1, rows), "yanchor": "top"},
    )
    longest = max((len(trial.history) for trial in comparison.trials), default=1)
    figure.update_xaxes(dtick=-(-longest // MOST_TICKS), tick0=0)
    return figure.to_plotly_json()


def accuracy_against_cost(comparison: Comparison) -> dict[str, Any]:
    """Return held-out accuracy against cost; the reader chooses which cost."""
    trials = [trial for trial in comparison.trials if trial.val_accuracy is not None]
    axes = [
        CostAxis("latency (ms)", [t.latency_ms.p50 if t.latency_ms else None for t in trials]),
        CostAxis("size of the file (MB)", [_million(t.artifact_bytes) for t in trials]),
        CostAxis("parameters (millions)", [_million(t.parameters) for t in trials]),
        CostAxis("multiply-accumulates (millions)", [_million(t.macs) for t in trials]),
        CostAxis("training time (s)", [t.train_seconds for t in trials]),
    ]
    models = sorted({trial.candidate for trial in trials})
    figure = go.Figure(
        go.Scatter(
            x=axes[0].figures,
            y=[trial.val_accuracy for trial in trials],
            mode="markers+text",
            text=[trial.candidate for trial in trials],
            textposition=_label_places(trials),
            cliponaxis=False,
            marker={
                "size": 13,
                "color": [MODELS[models.index(trial.candidate) % len(MODELS)] for trial in trials],
            },
            error_y=_intervals(trials),
            customdata=[
                [
                    words.size(trial.artifact_bytes),
                    words.number(trial.macs),
                    words.run(trial.seed, trial.fold),
                ]
                for trial in trials
            ],
            hovertemplate="%{text}, %{customdata[2]}<br>%{y:.1%} held out<br>"
            "%{customdata[0]}, %{customdata[1]} multiply-accumulates<extra></extra>",
        )
    )
    buttons = [
        {
            "label": axis.title,
            "method": "update",
            "args": [{"x": [axis.figures]}, {"xaxis.title.text": axis.title}],
        }
        for axis in axes
    ]
    figure.update_layout(
        **LAYOUT,
        height=430,
        updatemenus=[{"buttons": buttons, "x": 1, "xanchor": "right", "y": 1.14}],
    )
    figure.update_xaxes(type="log", title=axes[0].title, tickvals=ROUND_COSTS)
    figure.update_yaxes(title="held-out accuracy", tickformat=".0%", range=[0, 1.08])
    return figure.to_plotly_json()


def _curve(trial: Trial, field: str, name: str, color: str, in_legend: bool) -> go.Scatter:
    return go.Scatter(
        x=[epoch.epoch for epoch in trial.history],
        y=[getattr(epoch, field) for epoch in trial.history],
        name=name,
        legendgroup=name,
        showlegend=in_legend,
        mode="lines+markers" if len(trial.history) == 1 else "lines",
        line={"color": color, "dash": "dot" if field == "train_accuracy" else "solid"},
        hovertemplate=f"%{{y:.1%}} {name}, {words.run(trial.seed, trial.fold)}<extra></extra>",
    )


def _label_places(trials: list[Trial]) -> list[str]:
    """Return the place of each trial's name: above and below in turn, against overlaps."""
    by_latency = sorted(trials, key=lambda t: t.latency_ms.p50 if t.latency_ms else 0.0)
    places = [LABEL_PLACES[place % len(LABEL_PLACES)] for place in range(len(trials))]
    # The first and the last point inwards, so that no axis cuts them off.
    places[:1] = ["top right"]
    places[-1:] = ["top left"] if len(trials) > 1 else places[-1:]
    return [places[by_latency.index(trial)] for trial in trials]


def _intervals(trials: list[Trial]) -> dict[str, Any]:
    pairs = [
        (trial.val_accuracy or 0.0, trial.val_accuracy_interval or (0.0, 0.0)) for trial in trials
    ]
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - accuracy for accuracy, (_, high) in pairs],
        "arrayminus": [accuracy - low for accuracy, (low, _) in pairs],
        "thickness": 1,
        "color": "#9aa0a6",
    }


def _million(value: int | None) -> float | None:
    return None if value is None else value / 1e6
