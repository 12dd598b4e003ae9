"""Figures in the form in which people read them."""

import re

from keiryo.records.analysis import Calibration
from keiryo.records.comparison import Trial
from keiryo.records.speed import Latency
from keiryo.report.languages.catalogue import Language, english

DISTURBED = "Disturbed: other processes took more than a tenth of the processor meanwhile."
JUDGED_BY_BEST = "--max-latency-ms is compared with the fastest run."


_ZEROS = re.compile(r"\.0+(?= |$)")
OF_TORCH = "†"  # marks figures that are torch's, since the network could not be exported


def number(value: float | None) -> str:
    """Return a count in thousands, millions or billions: 712629 as 713 k."""
    if value is None:
        return "–"
    for size, suffix in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{_three_digits(value / size)}{suffix}"
    return f"{value:.0f}"


def size(value: float | None) -> str:
    """Return bytes in decimal units: 2871234 as 2.87 MB."""
    if value is None:
        return "–"
    text = number(value)
    return f"{text}B" if " " in text else f"{text} B"


def percent(value: float | None) -> str:
    """Return a share: 0.9133 as 91.3 %."""
    return "–" if value is None else f"{100 * value:.1f} %"


def share(value: float) -> str:
    """Return a round share: 0.125 as 12.5 %, 0.25 as 25 %."""
    return f"{100 * value:g} %"


def milliseconds(value: float | None) -> str:
    """Return milliseconds with three digits; microseconds below a tenth of a millisecond."""
    if value is None:
        return "–"
    return f"{1000 * value:.0f} µs" if value < 0.0995 else f"{_three_digits(value)} ms"


def status(trial: Trial, say: Language | None = None) -> str:
    """Return how a trial ended: done, failed, stopped, stopped at 25 %, not trained."""
    say = say or english()
    if trial.dropped_at == 0.0:
        return say.plain("status.not_trained")
    ended = say.plain(f"status.{trial.status}")
    if trial.dropped_at is None:
        return ended
    return say.plain("status.at", ended=ended, share=share(trial.dropped_at))


def is_disturbed(latency: Latency | None) -> bool:
    """Return whether others took the machine's processor time during the measurement."""
    return latency is not None and latency.disturbed


def latency(value: Latency | None) -> str:
    """Return the median latency, marked with * if the measurement was disturbed."""
    if value is None:
        return "–"
    return milliseconds(value.p50) + "*" * value.disturbed


def of_engine(text: str, is_on_another_engine: bool) -> str:
    """Return a figure, marked with † if it is torch's and not that of the comparison's engine."""
    return text + OF_TORCH * is_on_another_engine


def duration(seconds: float | None, say: Language | None = None) -> str:
    """Return a duration: 4000 as 1 h 6 min."""
    say = say or english()
    if seconds is None:
        return "–"
    if seconds < 99.5:
        figure = f"{seconds:.0f}" if seconds >= 9.5 else f"{seconds:.1f}"
        return say.plain("duration.seconds", seconds=figure)
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return say.plain("duration.minutes", minutes=minutes, seconds=rest)
    return say.plain("duration.hours", hours=minutes // 60, minutes=minutes % 60)


def rate(value: float | None) -> str:
    """Return images a second."""
    return "–" if value is None else f"{_three_digits(value)}/s"


def run(seed: int, fold: int | None, say: Language | None = None) -> str:
    """Return the name of a model's training: its seed, and its fold if there are several."""
    say = say or english()
    if fold is None:
        return say.plain("run.seed", seed=seed)
    return say.plain("run.fold", seed=seed, fold=fold)


def corruption(kind: str, say: Language) -> str:
    """Return the name of a corruption of images in the language `say`."""
    key = f"corruptions.{kind.replace(' ', '_').replace('-', '_')}"
    return say.plain(key) if key in say.texts else kind


def without_zeros(figure: str) -> str:
    """Return a figure without zeros at the end of its fraction: 5.00 ms as 5 ms."""
    return _ZEROS.sub("", figure)


def calibration(value: Calibration, say: Language | None = None) -> str:
    """Return how far the confidence is from the accuracy."""
    low, high = (100.0 * end for end in value.interval)
    side = "above" if value.overconfidence >= 0 else "below"
    return (say or english()).plain(
        f"answers.calibration_{side}",
        gap=100.0 * abs(value.overconfidence),
        error=100.0 * value.error,
        low=low,
        high=high,
    )


def _three_digits(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"
