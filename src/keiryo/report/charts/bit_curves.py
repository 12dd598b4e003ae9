"""Bits per sample over the steps of a WaveNet's training."""

from markupsafe import Markup

from keiryo.records.wavenet import WaveNetTraining
from keiryo.report import words
from keiryo.report.languages.catalogue import Language
from keiryo.report.svg.chart import Axis, LegendEntry, draw_chart, horizontal_line
from keiryo.report.svg.lines import draw_line
from keiryo.report.svg.scales import linear_scale
from keiryo.report.svg.styles import BASELINE, HELD_OUT, TRAINING

HEIGHT = 300


def draw_bit_curves(training: WaveNetTraining, say: Language) -> Markup:
    """Return bits per sample: of training steps, of held-out recordings, of guessing."""
    steps = [float(point.step) for point in training.loss_curve]
    bits = [point.bits_per_sample for point in training.loss_curve]
    ends = [float(epoch.steps) for epoch in training.history]
    held_out = [epoch.val_bits_per_sample for epoch in training.history]
    guessing = training.guessing_bits_per_sample
    x = Axis(
        linear_scale([*steps, *ends], low=0.0, most_ticks=5, whole=True),
        say.plain("charts.step"),
        words.number,
    )
    y = Axis(
        linear_scale([*bits, *held_out, guessing], low=0.0), say.plain("charts.bits_per_sample")
    )
    marks = [
        horizontal_line(y.scale.place(guessing), BASELINE),
        draw_line(steps, bits, x=x, y=y, style=TRAINING, label=say.plain("charts.training_steps")),
        draw_line(
            ends, held_out, x=x, y=y, style=HELD_OUT, label=say.plain("charts.held_out_bits")
        ),
    ]
    return draw_chart(
        "bits",
        marks,
        x=x,
        y=y,
        title=say.plain("charts.bits_title"),
        description=say.plain(
            "charts.bits_description",
            steps=training.steps,
            last=f"{held_out[-1]:.3f}" if held_out else "–",
            guessing=f"{guessing:.3f}",
        ),
        legend=[
            LegendEntry(say.plain("charts.training_steps"), TRAINING),
            LegendEntry(say.plain("charts.held_out_bits"), HELD_OUT),
            LegendEntry(say.plain("charts.guessing"), BASELINE),
        ],
        height=HEIGHT,
        left=46,
    )
