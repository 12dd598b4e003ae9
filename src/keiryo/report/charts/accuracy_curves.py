"""Accuracy over the epochs: a panel a candidate, both sets, a line a training."""

from collections import defaultdict

from markupsafe import Markup

from keiryo.records.comparison import Comparison, Trial
from keiryo.report import words
from keiryo.report.languages.catalogue import Language
from keiryo.report.svg.chart import Axis, LegendEntry, draw_chart, draw_legend, horizontal_line
from keiryo.report.svg.element import element
from keiryo.report.svg.lines import draw_line
from keiryo.report.svg.scales import linear_scale
from keiryo.report.svg.styles import BASELINE, HELD_OUT, TRAINING

PANEL_HEIGHT = 190
MOST_EPOCH_LABELS = 5


def draw_accuracy_curves(comparison: Comparison, say: Language) -> Markup:
    """Return a panel for each candidate that was trained, side by side where there is room."""
    trials_of: dict[str, list[Trial]] = defaultdict(list)
    for trial in comparison.trials:
        if trial.history:
            trials_of[trial.candidate].append(trial)
    longest = max((len(trial.history) for trial in comparison.trials), default=1)
    epochs = linear_scale([], low=1, high=max(2, longest), most_ticks=MOST_EPOCH_LABELS, whole=True)
    x = Axis(epochs, say.plain("charts.epoch"))
    y = Axis(linear_scale([], low=0.0, high=1.0, most_ticks=3), show="{:.0%}".format)
    panels = [
        _draw_panel(number, candidate, trials, comparison.data.baseline, x, y, say)
        for number, (candidate, trials) in enumerate(trials_of.items())
    ]
    legend = draw_legend(
        [
            LegendEntry(say.plain("charts.training_set"), TRAINING),
            LegendEntry(say.plain("charts.held_out_set"), HELD_OUT),
            LegendEntry(say.plain("charts.largest_class"), BASELINE),
        ]
    )
    return legend + element("div", *panels, class_="panels")


def _draw_panel(
    number: int,
    candidate: str,
    trials: list[Trial],
    baseline: float,
    x: Axis,
    y: Axis,
    say: Language,
) -> Markup:
    marks = [horizontal_line(y.scale.place(baseline), BASELINE)]
    for trial in trials:
        epochs = [float(epoch.epoch) for epoch in trial.history]
        for field, set_name, style in (
            ("train_accuracy", "charts.training_set", TRAINING),
            ("val_accuracy", "charts.held_out_set", HELD_OUT),
        ):
            figures = [getattr(epoch, field) for epoch in trial.history]
            label = f"{say.plain(set_name)}, {words.run(trial.seed, trial.fold, say)}"
            marks.append(draw_line(epochs, figures, x=x, y=y, style=style, label=label))
    last = trials[0].history[-1]
    return draw_chart(
        f"curve-{number}",
        marks,
        x=x,
        y=y,
        title=candidate,
        description=say.plain(
            "charts.curve_description",
            n=len(trials),
            epochs=last.epoch,
            training=words.percent(last.train_accuracy),
            held_out=words.percent(last.val_accuracy),
        ),
        height=PANEL_HEIGHT,
        left=46,
    )
