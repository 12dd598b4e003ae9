"""Accuracy against cost: a point a candidate, and the front that no other candidate is beyond."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from markupsafe import Markup

from keiryo.records.comparison import Comparison, Limits, Trial
from keiryo.report import words
from keiryo.report.languages.catalogue import Language
from keiryo.report.svg.chart import Axis, LegendEntry, draw_chart, draw_legend, vertical_line
from keiryo.report.svg.lines import draw_line
from keiryo.report.svg.scales import linear_scale, logarithmic_scale
from keiryo.report.svg.scatter import Point, draw_points
from keiryo.report.svg.styles import series

HEIGHT = 320
MOST_CANDIDATES_AGAINST_ALL = 100  # so that a page of hundreds stays small
MOST_NAMES = 14  # with more, colours repeat so often that they say nothing


@dataclass(frozen=True)
class CostKind:
    """A cost that accuracy is drawn against; `name` is its key in the catalogue."""

    name: str
    figure: Callable[[Trial], float | None]
    show: Callable[[float | None], str]
    limit: Callable[[Limits], float | None] = lambda limits: None


@dataclass(frozen=True)
class Candidate:
    """A candidate's mean accuracy and mean cost over its trainings."""

    name: str
    number: int
    accuracy: float
    interval: tuple[float, float] | None
    cost: float


LATENCY = CostKind(
    "latency",
    lambda trial: trial.latency_ms.p50 if trial.latency_ms else None,
    words.milliseconds,
    lambda limits: limits.max_latency_ms,
)
SIZE = CostKind(
    "size",
    lambda trial: trial.artifact_bytes,
    words.size,
    lambda limits: limits.max_size_mb and limits.max_size_mb * 1e6,
)
FURTHER = (
    CostKind(
        "parameters",
        lambda trial: trial.parameters,
        words.number,
        lambda limits: limits.max_params,
    ),
    CostKind("macs", lambda trial: trial.macs, words.number),
    CostKind("train_seconds", lambda trial: trial.train_seconds, words.duration),
    CostKind("memory", lambda trial: trial.peak_memory_bytes, words.size),
)


def draw_front(comparison: Comparison, kind: CostKind, say: Language) -> Markup | None:
    """Return accuracy against one cost, or None if it was measured for no candidate."""
    candidates = _candidates(comparison, kind)
    if not candidates:
        return None
    show = _show(kind, say)
    x = Axis(
        logarithmic_scale([candidate.cost for candidate in candidates], most_ticks=5),
        say.plain(f"costs.{kind.name}"),
        lambda value: words.without_zeros(show(value)),
    )
    ends = [end for candidate in candidates for end in candidate.interval or (candidate.accuracy,)]
    y = Axis(
        linear_scale([*ends, comparison.data.baseline], high=1.0),
        say.plain("charts.held_out_accuracy"),
        "{:.0%}".format,
    )
    front = _front(candidates)
    limit = kind.limit(comparison.limits)
    points = [
        Point(
            candidate.cost,
            candidate.accuracy,
            series(candidate.number) + ("" if candidate in front else " hollow"),
            candidate.name,
            f"{candidate.name}: {words.percent(candidate.accuracy)}, {show(candidate.cost)}",
            candidate.interval,
            {"data-candidate": candidate.number},
        )
        for candidate in sorted(candidates, key=lambda one: -one.accuracy)
    ]
    steps_x, steps_y = _steps(front, x.scale.high)
    marks = [
        draw_line(steps_x, steps_y, x=x, y=y, style="front"),
        _limit_line(limit, x),
        draw_points(points, x=x, y=y),
    ]
    return draw_chart(
        f"front-{kind.name}",
        marks,
        x=x,
        y=y,
        title=say.plain("charts.against", cost=x.title),
        description=say.plain(
            "charts.front_description",
            n=len(candidates),
            front=", ".join(
                f"{one.name} ({words.percent(one.accuracy)}, {show(one.cost)})" for one in front
            ),
        ),
        height=HEIGHT,
        left=46,
        attributes={
            "data_cost": kind.name,
            "data_low": repr(x.scale.low),
            "data_high": repr(x.scale.high),
        },
    )


def _show(kind: CostKind, say: Language) -> Callable[[float | None], str]:
    if kind.show is words.duration:
        return lambda value: words.duration(value, say)
    return kind.show


def draw_names(comparison: Comparison) -> Markup:
    """Return the colour of each candidate, for pages too narrow for names beside the points."""
    shown = comparison.ranking[:MOST_NAMES]
    return draw_legend([LegendEntry(name, series(place)) for place, name in enumerate(shown)])


def _candidates(comparison: Comparison, kind: CostKind) -> list[Candidate]:
    trials_of: dict[str, list[Trial]] = defaultdict(list)
    for trial in comparison.trials:
        if trial.status == "done" and trial.val_accuracy is not None and kind.figure(trial):
            trials_of[trial.candidate].append(trial)
    return [
        Candidate(
            name,
            number,
            fmean(trial.val_accuracy or 0.0 for trial in trials_of[name]),
            _interval(trials_of[name]),
            fmean(kind.figure(trial) or 0.0 for trial in trials_of[name]),
        )
        for number, name in enumerate(comparison.ranking)
        if name in trials_of
    ]


def _interval(trials: Sequence[Trial]) -> tuple[float, float] | None:
    """Return the interval of a single training, or the range of several."""
    if len(trials) == 1:
        return trials[0].val_accuracy_interval
    accuracies = [trial.val_accuracy or 0.0 for trial in trials]
    return min(accuracies), max(accuracies)


def _front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that no other beats without costing more, the cheapest first."""
    front: list[Candidate] = []
    for one in sorted(candidates, key=lambda each: (each.cost, -each.accuracy)):
        if not front or one.accuracy > front[-1].accuracy:
            front.append(one)
    return front


def _steps(front: Sequence[Candidate], end: float) -> tuple[list[float], list[float]]:
    """Return the corners of the front's line: upright at each candidate, then level."""
    xs: list[float] = []
    ys: list[float] = []
    for place, one in enumerate(front):
        if place:
            xs.append(one.cost)
            ys.append(front[place - 1].accuracy)
        xs.append(one.cost)
        ys.append(one.accuracy)
    return [*xs, end], [*ys, ys[-1]]


def _limit_line(limit: float | None, x: Axis) -> Markup:
    """Return the line of the limit; the page's script moves it, so it is always there."""
    if limit is not None and x.scale.low <= limit <= x.scale.high:
        return vertical_line(x.scale.place(limit), "limit")
    return vertical_line(0.0, "limit", hidden="")
