"""Plain, residual and dense networks: gradients, trainability, channels and memory by depth.

He et al. 2015, "Deep Residual Learning"; Huang et al. 2017, "Densely Connected Convolutional
Networks". The size of gradients is that of the first layer's weights, and not relative to the
last layer's, since without norm both vanish together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from statistics import median
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from keiryo.cost.weighing import weigh
from keiryo.models.spec import build
from keiryo.nn.blocks.dense import DenseLayer, Transition
from keiryo.nn.blocks.residual import BasicBlock
from keiryo.nn.convolution import ConvNormActivation
from keiryo.nn.normalization import Norm, normalization
from keiryo.records.study import Judgement, Plot, Series, StudyTable, Verdict
from keiryo.study.outcome import Outcome, Tell, Texts
from keiryo.study.small_training import (
    BATCH,
    Digits,
    accuracies,
    mean_interval,
    read_digits,
)

Kind = Literal["plain", "residual", "dense"]
Start = Literal["glorot", "he"]

KINDS: tuple[Kind, ...] = ("plain", "residual", "dense")
NORMS: tuple[Norm, ...] = ("none", "batch")
STARTS: tuple[Start, ...] = ("glorot", "he")
WIDTH, GROWTH = 16, 4
# A gradient has vanished if it is this part of that of the shallowest network, and it has begun to
# if it is this part.
VANISHED, VANISHING = 1e-3, 0.1
# It is kept if it changes by less than this factor.
KEPT = 100.0


@dataclass(frozen=True)
class Sizes:
    """The depths in convolutions, the seeds, and the trainings at the depth `trained`."""

    depths: tuple[int, ...]
    seeds: int
    trained: int
    steps: int


QUICK = Sizes((10, 30, 60, 100), seeds=3, trained=40, steps=120)
THOROUGH = Sizes((10, 20, 30, 40, 60, 80, 100), seeds=5, trained=60, steps=400)


@dataclass(frozen=True)
class Gradients:
    """Norms of the first layer's gradient at the start: depth to a figure for each seed."""

    kind: Kind
    norm: Norm
    start: Start
    norms: dict[int, list[float]]

    def changes(self) -> list[float]:
        """Return for each seed the deepest network's norm over that of the shallowest."""
        shallow, deep = self.norms[min(self.norms)], self.norms[max(self.norms)]
        return [b / a if a else 0.0 for a, b in zip(shallow, deep, strict=True)]


@dataclass(frozen=True)
class Trained:
    """Networks of one kind and norm, trained: an accuracy for each seed, and their cost."""

    kind: Kind
    norm: Norm
    parameters: int
    peak_bytes: int
    accuracies: list[float]


@dataclass(frozen=True)
class ConnectivityData:
    """All that the verdicts follow from."""

    gradients: list[Gradients]
    trained: list[Trained]

    def of(self, kind: Kind, norm: Norm, start: Start) -> Gradients:
        """Return the gradients of one combination."""
        key = (kind, norm, start)
        return next(one for one in self.gradients if (one.kind, one.norm, one.start) == key)


def study(sizes: Sizes, seed: int, tell: Tell) -> Outcome:
    """Compare gradients over depth, then trainings at equal parameters."""
    data = compute(sizes, seed, tell)
    say = Texts("connectivity")
    return Outcome(
        title=say("title"),
        claim=say("claim"),
        formulas=["x_{l+1} = relu(x_l + F(x_l))", "x_{l+1} = [x_l, F(x_l)]"],
        experiment=say(
            "experiment",
            depths=", ".join(map(str, sizes.depths)),
            seeds=sizes.seeds,
            trained=sizes.trained,
            steps=sizes.steps,
        ),
        judgements=judge(data),
        tables=[_gradient_table(data, say), _training_table(data, say)],
        plots=[_gradient_plot(data, norm, say) for norm in NORMS] + [_channel_plot(say)],
    )


def make_network(
    kind: Kind, *, depth: int, norm: Norm, start: Start, width: int = WIDTH, growth: int = GROWTH
) -> nn.Module:
    """Return a network of `depth` convolutions at one resolution, (N, 1, H, W) to (N, 10)."""
    layers: list[nn.Module] = [ConvNormActivation(1, width, 3, norm=norm, activation="relu")]
    channels = width
    for _ in range(depth // 2):  # each block has two convolutions
        if kind == "plain":
            layers += [
                ConvNormActivation(width, width, 3, norm=norm, activation="relu") for _ in range(2)
            ]
        elif kind == "residual":
            layers.append(BasicBlock(width, width, stride=1, norm=norm))
        else:
            layers.append(DenseLayer(channels, growth=growth, norm=norm))
            channels += growth
    if kind == "dense":
        layers += [normalization(norm, channels), nn.ReLU()]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            if start == "glorot" or isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
            else:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


def compute(sizes: Sizes, seed: int, tell: Tell) -> ConnectivityData:
    """Measure gradients at the start of training, then train at equal parameters."""
    data = read_digits()
    gradients = []
    combinations = list(product(KINDS, NORMS, STARTS))
    for number, (kind, norm, start) in enumerate(combinations):
        tell(0.35 * number / len(combinations), "measuring gradients")
        norms = {
            depth: [
                _gradient(kind, depth, norm, start, data, seed + offset)
                for offset in range(sizes.seeds)
            ]
            for depth in sizes.depths
        }
        gradients.append(Gradients(kind, norm, start, norms))
    pairs = list(product(KINDS, NORMS))
    trained = []
    for number, (kind, norm) in enumerate(pairs):
        tell(0.35 + 0.65 * number / len(pairs), "training at equal parameters")
        trained.append(_train(kind, norm, sizes, seed, data))
    return ConnectivityData(gradients, trained)


def _gradient(kind: Kind, depth: int, norm: Norm, start: Start, data: Digits, seed: int) -> float:
    torch.manual_seed(seed)
    # In double precision, so that small gradients are not lost.
    network = make_network(kind, depth=depth, norm=norm, start=start).double().train()
    images, labels = data.images[:BATCH].double(), data.labels[:BATCH]
    first = next(network.parameters())
    loss = functional.cross_entropy(network(images), labels)
    (gradient,) = torch.autograd.grad(loss, [first])
    return float(gradient.norm())


def _train(kind: Kind, norm: Norm, sizes: Sizes, seed: int, data: Digits) -> Trained:
    def builder(growth: int = GROWTH) -> Callable[[], nn.Module]:
        return lambda: make_network(
            kind, depth=sizes.trained, norm=norm, start="glorot", growth=growth
        )

    make = builder()
    if kind == "dense":
        plain = make_network("plain", depth=sizes.trained, norm=norm, start="glorot")
        growth = 1
        while _parameters(builder(growth + 1)()) <= _parameters(plain):
            growth += 1
        make = builder(growth)
    network = make()
    return Trained(
        kind,
        norm,
        parameters=_parameters(network),
        peak_bytes=weigh(network, data.images.shape[1:]).peak_activation_bytes,
        accuracies=accuracies(make, data, steps=sizes.steps, seeds=range(seed, seed + sizes.seeds)),
    )


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def judge(data: ConnectivityData) -> list[Judgement]:
    """Return the verdicts, which follow from `data` alone."""
    say = Texts("connectivity")
    return [
        _judge_vanishing("vanishing", data.of("plain", "none", "glorot"), say),
        _judge_vanishing("vanishing_he", data.of("plain", "none", "he"), say),
        _judge_vanishing("vanishing_norm", data.of("plain", "batch", "glorot"), say),
        _judge_kept("none", data, say),
        _judge_kept("batch", data, say),
        *(_judge_accuracy(norm, data, say) for norm in NORMS),
    ]


def _judge_vanishing(part: str, found: Gradients, say: Texts) -> Judgement:
    changes = found.changes()
    verdict: Verdict = "within_limits"
    if max(changes) < VANISHED:
        verdict = "holds"
    elif min(changes) > VANISHING:
        verdict = "does_not_hold"
    reason = say(
        "vanishing_reason",
        shallow=min(found.norms),
        deep=max(found.norms),
        small=f"{median(found.norms[min(found.norms)]):.2g}",
        large=f"{median(found.norms[max(found.norms)]):.2g}",
        low=f"{min(changes):.2g}",
        high=f"{max(changes):.2g}",
        seeds=len(changes),
    )
    return Judgement(part=part, claim=say(part), verdict=verdict, reason=reason)


def _judge_kept(norm: Norm, data: ConnectivityData, say: Texts) -> Judgement:
    changes = {kind: data.of(kind, norm, "glorot").changes() for kind in KINDS}

    def is_kept(kind: Kind) -> bool:
        return all(1 / KEPT < one < KEPT for one in changes[kind])

    kept = [kind for kind in ("residual", "dense") if is_kept(kind)]
    verdict: Verdict = ("does_not_hold", "within_limits", "holds")[len(kept)]
    figures = {
        kind: f"{median(changes[kind]):.2g} ({min(changes[kind]):.2g} – {max(changes[kind]):.2g})"
        for kind in KINDS
    }
    part = f"kept_{norm}"
    reason = say("kept_reason", factor=f"{KEPT:g}", **figures)
    return Judgement(part=part, claim=say(part), verdict=verdict, reason=reason)


def _judge_accuracy(norm: Norm, data: ConnectivityData, say: Texts) -> Judgement:
    found = {one.kind: one.accuracies for one in data.trained if one.norm == norm}
    intervals = {
        kind: mean_interval([a - b for a, b in zip(found[kind], found["plain"], strict=True)])
        for kind in ("residual", "dense")
    }
    better = sum(low > 0 for _, low, _ in intervals.values())
    worse = sum(high < 0 for _, _, high in intervals.values())
    verdict: Verdict = "within_limits"
    if better == len(intervals):
        verdict = "holds"
    elif worse == len(intervals) or not better:
        verdict = "does_not_hold"
    figures = {
        kind: f"{100 * middle:+.1f} ({100 * low:+.1f} – {100 * high:+.1f})"
        for kind, (middle, low, high) in intervals.items()
    }
    part = f"accuracy_{norm}"
    seeds = len(found["plain"])
    reason = say("accuracy_reason", seeds=seeds, **figures)
    return Judgement(part=part, claim=say(part), verdict=verdict, reason=reason)


def _gradient_table(data: ConnectivityData, say: Texts) -> StudyTable:
    depths = list(data.gradients[0].norms)
    columns = [say(key) for key in ("network", "norm", "start")]
    columns += [say("at_depth", depth=depth) for depth in depths]
    rows = [
        [
            say(one.kind),
            say(f"norm_{one.norm}"),
            say(one.start),
            *(f"{median(one.norms[depth]):.2g}" for depth in depths),
        ]
        for one in data.gradients
    ]
    return StudyTable(title=say("gradient_table"), columns=columns, rows=rows)


def _training_table(data: ConnectivityData, say: Texts) -> StudyTable:
    rows = []
    for one in data.trained:
        middle, low, high = (100 * value for value in mean_interval(one.accuracies))
        rows.append(
            [
                say(one.kind),
                say(f"norm_{one.norm}"),
                f"{one.parameters:,}",
                f"{one.peak_bytes / 1000:.1f} kB",
                f"{middle:.1f} % ({max(0.0, low):.1f} – {min(100.0, high):.1f})",
            ]
        )
    keys = ("network", "norm", "parameters", "memory", "accuracy_column")
    columns = [say(key) for key in keys]
    return StudyTable(title=say("training_table"), columns=columns, rows=rows)


def _gradient_plot(data: ConnectivityData, norm: Norm, say: Texts) -> Plot:
    series = []
    for kind in KINDS:
        found = data.of(kind, norm, "glorot").norms
        series.append(
            Series(
                name=say(kind),
                xs=[float(depth) for depth in found],
                ys=[median(norms) for norms in found.values()],
                lows=[min(norms) for norms in found.values()],
                highs=[max(norms) for norms in found.values()],
                kind="line",
            )
        )
    return Plot(
        name=f"gradients-{norm}",
        title=say(f"plot_{norm}"),
        description=say("plot_description"),
        x_title=say("depth"),
        y_title=say("gradient"),
        y_is_logarithmic=True,
        series=series,
    )


def _channel_plot(say: Texts) -> Plot:
    series = []
    for key, model in (("concatenates", "densenet121"), ("adds", "resnet34")):
        channels = _channels(build(model, classes=10))
        series.append(
            Series(
                name=say(key),
                xs=[float(place) for place in range(1, len(channels) + 1)],
                ys=[float(number) for number in channels],
                kind="line",
            )
        )
    return Plot(
        name="channels",
        title=say("channels_title"),
        description=say("channels_description"),
        x_title=say("block"),
        y_title=say("channels"),
        series=series,
    )


def _channels(network: nn.Module) -> list[int]:
    """Return the channels after each block or transition of `network`."""
    found = []
    for module in network.modules():
        convolutions = [one for one in module.modules() if isinstance(one, nn.Conv2d)]
        if isinstance(module, DenseLayer):
            found.append(convolutions[0].in_channels + convolutions[-1].out_channels)
        elif isinstance(module, Transition):
            found.append(convolutions[-1].out_channels)
        elif isinstance(module, BasicBlock):
            found.append(convolutions[1].out_channels)
    return found
