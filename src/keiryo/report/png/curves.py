"""Accuracy over the epochs as PNG files, one a trial, in the form of the course's report."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keiryo.files import replace_file
from keiryo.records.comparison import Comparison, Trial
from keiryo.report import words
from keiryo.report.png.colors import HELD_OUT, TRAINING

# Left, bottom, width and height; Matplotlib takes as long to find them as to draw.
AXES = (0.1, 0.125, 0.88, 0.79)


def write_curves(comparison: Comparison, folder: Path) -> list[Path]:
    """Write a PNG into `folder` for each trial that has a history; return their paths."""
    written = []
    for trial in comparison.trials:
        if trial.history:
            path = folder / f"{Path(trial.folder).name}.png"
            with replace_file(path) as temporary:
                _draw(trial, baseline=comparison.data.baseline).print_png(temporary)
            written.append(path)
    return written


def _draw(trial: Trial, *, baseline: float) -> FigureCanvasAgg:
    figure = Figure(figsize=(6.4, 4.0), dpi=120)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes(AXES)
    epochs = [epoch.epoch for epoch in trial.history]
    marker = "o" if len(epochs) == 1 else None
    train = [100 * (epoch.train_accuracy or 0.0) for epoch in trial.history]
    held_out = [100 * (epoch.val_accuracy or 0.0) for epoch in trial.history]
    axes.plot(epochs, train, color=TRAINING, linestyle="--", marker=marker, label="training")
    axes.plot(epochs, held_out, color=HELD_OUT, marker=marker, label="held out")
    axes.axhline(100 * baseline, color="#bbbbbb", linewidth=1, zorder=0)
    axes.annotate(
        "largest class alone",
        (0.995, 100 * baseline),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="bottom",
        color="#999999",
        fontsize=8,
    )
    axes.set(xlabel="epoch", ylabel="accuracy (%)", ylim=(0, 102))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(
        f"{trial.candidate}, {words.run(trial.seed, trial.fold)}", loc="left", fontsize=11
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right" if held_out[-1] > 50 else "upper right")
    return canvas
