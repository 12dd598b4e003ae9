"""Depthwise separable convolution against the ordinary one: counts, time, memory, accuracy.

Howard et al. 2017, "MobileNets", section 3.1: multiply-accumulates fall to 1/C_out + 1/K².
"""

from dataclasses import dataclass
from itertools import product

import torch
from torch import nn

from keiryo.cost.formula.formulas import depthwise_separable_ratio
from keiryo.cost.roofline import bandwidth
from keiryo.cost.weighing import weigh
from keiryo.measure.load import LoadWatch
from keiryo.measure.profile import measure_profile
from keiryo.models.saved import channels_last
from keiryo.nn.convolution import ConvNormActivation, DepthwiseSeparable
from keiryo.records.costs import DeviceProfile
from keiryo.records.study import Judgement, Plot, Series, StudyTable, Verdict
from keiryo.study.outcome import Outcome, Tell, Texts
from keiryo.study.small_training import Digits, accuracies, mean_interval, read_digits
from keiryo.study.turns import ratio_interval, times_in_turns

# A time falls as promised if it reaches this share of the promise.
AS_PROMISED = 0.9


@dataclass(frozen=True)
class Sizes:
    """The layers that are compared, and the trainings at equal cost."""

    sides: tuple[int, ...]
    channels: tuple[int, ...]
    kernels: tuple[int, ...]
    rounds: int
    steps: int
    seeds: int
    width: int = 8  # of the ordinary network that is trained


QUICK = Sizes((14, 56), (64, 256), (3, 5), rounds=9, steps=400, seeds=5)
THOROUGH = Sizes((7, 14, 28, 56, 112), (32, 64, 128, 256), (3, 5, 7), 15, steps=800, seeds=10)


@dataclass(frozen=True)
class Step:
    """The counts of one convolution and its median processor time of a run."""

    macs: int
    bytes_moved: int
    seconds: float


@dataclass(frozen=True)
class Case:
    """A pair of layers of the same shape; ratios are separable / ordinary, with an interval."""

    side: int
    channels: int
    kernel: int
    ordinary: Step
    depthwise: Step
    pointwise: Step
    time_ratio: tuple[float, float, float]
    block_ratio: tuple[float, float, float]
    is_disturbed: bool

    @property
    def promised(self) -> float:
        """The ratio of multiply-accumulates by the formula."""
        return float(depthwise_separable_ratio(self.channels, (self.kernel, self.kernel)))

    @property
    def counted(self) -> float:
        """The ratio of the multiply-accumulates that were counted."""
        return (self.depthwise.macs + self.pointwise.macs) / self.ordinary.macs

    @property
    def name(self) -> str:
        """The shape in short: 56x56x64, K3."""
        return f"{self.side}x{self.side}x{self.channels}\u00a0K{self.kernel}"


@dataclass(frozen=True)
class EqualCost:
    """Held-out accuracies of an ordinary and a separable network, a figure for each seed."""

    ordinary_macs: int
    separable_macs: int
    ordinary: list[float]
    separable: list[float]


@dataclass(frozen=True)
class ConvolutionData:
    """All that the verdicts follow from."""

    cases: list[Case]
    profile: DeviceProfile
    is_profile_disturbed: bool
    equal_cost: EqualCost


def study(sizes: Sizes, seed: int, tell: Tell) -> Outcome:
    """Compare the pairs of layers, then networks of equal cost."""
    data = compute(sizes, seed, tell)
    say = Texts("convolution")
    return Outcome(
        title=say("title"),
        claim=say("claim"),
        formulas=["(W·H·K²·C_in + W·H·C_in·C_out) / (W·H·K²·C_in·C_out) = 1/C_out + 1/K²"],
        experiment=say(
            "experiment",
            cases=len(data.cases),
            rounds=sizes.rounds,
            seeds=sizes.seeds,
            steps=sizes.steps,
        ),
        judgements=judge(data),
        tables=[_case_table(data, say), _accuracy_table(data.equal_cost, say)],
        plots=[_promise_plot(data, say), _roofline_plot(data, say)],
    )


def compute(sizes: Sizes, seed: int, tell: Tell) -> ConvolutionData:
    """Measure everything; times are processor times on this machine."""
    torch.manual_seed(seed)
    threads = torch.get_num_threads()
    try:
        # The processor time of one thread is its time, and the limits are those of one core.
        torch.set_num_threads(1)
        tell(0.0, "measuring the machine's limits")
        watch = LoadWatch()
        profile = measure_profile(device="cpu", threads=1)
        is_profile_disturbed = watch.load().disturbed
        cases = _measure_pairs(sizes, tell)
    finally:
        torch.set_num_threads(threads)
    return ConvolutionData(cases, profile, is_profile_disturbed, _train(sizes, seed, tell))


def _measure_pairs(sizes: Sizes, tell: Tell) -> list[Case]:
    shapes = list(product(sizes.sides, sizes.channels, sizes.kernels))
    # Large layers take longest, so progress goes by the multiply-accumulates.
    work = [side**2 * channels**2 * kernel**2 + 1e8 for side, channels, kernel in shapes]
    cases, done = [], 0.0
    for shape, part in zip(shapes, work, strict=True):
        tell(0.15 + 0.5 * done / sum(work), "measuring pairs of layers")
        cases.append(_measure(*shape, rounds=sizes.rounds))
        done += part
    return cases


def _measure(side: int, channels: int, kernel: int, *, rounds: int) -> Case:
    shape = (channels, side, side)

    def plain(size: int, groups: int = 1) -> nn.Module:
        return nn.Conv2d(channels, channels, size, padding=size // 2, groups=groups, bias=False)

    modules: dict[str, nn.Module] = {
        "ordinary": plain(kernel),
        "depthwise": plain(kernel, channels),
        "pointwise": plain(1),
        "ordinary_block": ConvNormActivation(
            channels, channels, kernel, norm="batch", activation="relu6"
        ),
        "separable_block": DepthwiseSeparable(
            channels, channels, stride=1, norm="batch", kernel_size=kernel
        ),
    }
    modules["separable"] = nn.Sequential(modules["depthwise"], modules["pointwise"])
    weighings = {
        name: weigh(modules[name], shape) for name in ("ordinary", "depthwise", "pointwise")
    }
    for module in modules.values():
        channels_last(module.eval())
    x = torch.randn(1, *shape).to(memory_format=torch.channels_last)
    watch = LoadWatch()
    times = times_in_turns(modules, x, rounds=rounds)

    def step(name: str) -> Step:
        (layer,) = weighings[name].layers
        middle = sorted(times[name])[rounds // 2]
        return Step(layer.macs, layer.bytes_moved, middle)

    return Case(
        side,
        channels,
        kernel,
        *(step(name) for name in weighings),
        time_ratio=ratio_interval(times["separable"], times["ordinary"]),
        block_ratio=ratio_interval(times["separable_block"], times["ordinary_block"]),
        is_disturbed=watch.load().disturbed,
    )


def _network(width: int, *, is_separable: bool) -> nn.Module:
    def block(stride: int) -> nn.Module:
        if is_separable:
            return DepthwiseSeparable(width, width, stride=stride, norm="batch")
        return ConvNormActivation(width, width, 3, stride=stride, norm="batch", activation="relu6")

    return nn.Sequential(
        ConvNormActivation(1, width, 3, norm="batch", activation="relu6"),
        block(2),
        block(1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, 10),
    )


def _macs(width: int, data: Digits, *, is_separable: bool) -> int:
    counted = weigh(_network(width, is_separable=is_separable), data.images.shape[1:]).macs
    assert counted is not None
    return counted


def _train(sizes: Sizes, seed: int, tell: Tell) -> EqualCost:
    tell(0.65, "training at equal cost")
    data = read_digits()
    limit = _macs(sizes.width, data, is_separable=False)
    width = sizes.width
    while _macs(width + 1, data, is_separable=True) <= limit:
        width += 1
    found: dict[bool, list[float]] = {False: [], True: []}
    for number in range(sizes.seeds):
        for is_separable, chosen in ((False, sizes.width), (True, width)):
            tell(0.65 + 0.35 * number / sizes.seeds, "training at equal cost")
            found[is_separable] += accuracies(
                lambda chosen=chosen, kind=is_separable: _network(chosen, is_separable=kind),
                data,
                steps=sizes.steps,
                seeds=[seed + number],
            )
    separable = _macs(width, data, is_separable=True)
    return EqualCost(limit, separable, found[False], found[True])


def judge(data: ConvolutionData) -> list[Judgement]:
    """Return the verdicts, which follow from `data` alone."""
    say = Texts("convolution")
    wrong = [case for case in data.cases if abs(case.counted - case.promised) > 1e-12]
    counts = Judgement(
        part="counts",
        claim=say("counts"),
        verdict="does_not_hold" if wrong else "holds",
        reason=say("counts_reason", equal=len(data.cases) - len(wrong), count=len(data.cases)),
    )
    return [
        counts,
        _judge_times("time", data, [case.time_ratio for case in data.cases], say),
        _judge_times("block", data, [case.block_ratio for case in data.cases], say),
        _judge_memory(data, say),
        _judge_accuracy(data.equal_cost, say),
    ]


def _judge_times(
    part: str, data: ConvolutionData, ratios: list[tuple[float, float, float]], say: Texts
) -> Judgement:
    pairs = list(zip(data.cases, ratios, strict=True))
    quiet = [(case, ratio) for case, ratio in pairs if not case.is_disturbed]
    claim = say(part)
    if len(quiet) < len(pairs) / 2:
        reason = say("disturbed", disturbed=len(pairs) - len(quiet), count=len(pairs))
        return Judgement(part=part, claim=claim, verdict="not_judged", reason=reason)
    # The share of the promise: 1 if the time falls as much as the multiply-accumulates.
    reached = [case.promised / ratio[1] >= AS_PROMISED for case, ratio in quiet]
    slower = [ratio[1] > 1.0 for _, ratio in quiet]
    verdict: Verdict = "within_limits"
    if all(reached):
        verdict = "holds"
    elif 2 * sum(slower) >= len(quiet):
        verdict = "does_not_hold"
    worst, worst_ratio = min(quiet, key=lambda one: one[0].promised / one[1][0])
    best, best_ratio = max(quiet, key=lambda one: one[0].promised / one[1][0])
    reason = say(
        "time_reason",
        reached=sum(reached),
        count=len(quiet),
        worst=worst.name,
        worst_promised=f"{1 / worst.promised:.1f}",
        worst_found=f"{1 / worst_ratio[0]:.1f}",
        best=best.name,
        best_promised=f"{1 / best.promised:.1f}",
        best_found=f"{1 / best_ratio[0]:.1f}",
    )
    return Judgement(part=part, claim=claim, verdict=verdict, reason=reason)


def _judge_memory(data: ConvolutionData, say: Texts) -> Judgement:
    claim = say("memory")
    if data.is_profile_disturbed:
        reason = say("profile_disturbed")
        return Judgement(part="memory", claim=claim, verdict="not_judged", reason=reason)

    def is_bound(step: Step) -> bool:
        rate = bandwidth(data.profile, step.bytes_moved)
        return step.bytes_moved / rate > step.macs / data.profile.macs_per_second

    depthwise = sum(is_bound(case.depthwise) for case in data.cases)
    ordinary = sum(is_bound(case.ordinary) for case in data.cases)
    verdict: Verdict = "within_limits"
    if depthwise == len(data.cases):
        verdict = "holds"
    elif depthwise == 0:
        verdict = "does_not_hold"
    reason = say("memory_reason", depthwise=depthwise, ordinary=ordinary, count=len(data.cases))
    return Judgement(part="memory", claim=claim, verdict=verdict, reason=reason)


def _judge_accuracy(found: EqualCost, say: Texts) -> Judgement:
    differences = [a - b for a, b in zip(found.separable, found.ordinary, strict=True)]
    middle, low, high = mean_interval(differences)
    verdict: Verdict = "within_limits"
    if low > 0:
        verdict = "holds"
    elif high < 0:
        verdict = "does_not_hold"
    reason = say(
        f"accuracy_{verdict}",
        middle=f"{100 * middle:+.1f}",
        low=f"{100 * low:+.1f}",
        high=f"{100 * high:+.1f}",
        seeds=len(differences),
    )
    return Judgement(part="accuracy", claim=say("accuracy"), verdict=verdict, reason=reason)


def _case_table(data: ConvolutionData, say: Texts) -> StudyTable:
    keys = ("layer", "promised", "found", "found_block", "traffic", "depthwise_share", "busy")
    rows = []
    for case in data.cases:
        separable = case.depthwise.bytes_moved + case.pointwise.bytes_moved
        seconds = case.depthwise.seconds + case.pointwise.seconds
        rows.append(
            [
                say("shape", shape=case.name),
                f"1/{1 / case.promised:.1f}",
                _ratio(case.time_ratio),
                _ratio(case.block_ratio),
                f"{separable / case.ordinary.bytes_moved:.2f}",
                f"{100 * case.depthwise.seconds / seconds:.0f} %",
                say("yes" if case.is_disturbed else "no"),
            ]
        )
    return StudyTable(title=say("cases"), columns=[say(key) for key in keys], rows=rows)


def _ratio(ratio: tuple[float, float, float]) -> str:
    middle, low, high = (f"{1 / value:.1f}" for value in ratio)
    return f"1/{middle} (1/{low} – 1/{high})"


def _accuracy_table(found: EqualCost, say: Texts) -> StudyTable:
    rows = []
    for key, macs, values in (
        ("ordinary", found.ordinary_macs, found.ordinary),
        ("separable", found.separable_macs, found.separable),
    ):
        middle, low, high = (100 * value for value in mean_interval(values))
        rows.append([say(key), f"{macs:,}", f"{middle:.1f} % ({low:.1f} – {high:.1f})"])
    columns = [say(key) for key in ("network", "macs", "accuracy_column")]
    return StudyTable(title=say("equal_cost"), columns=columns, rows=rows)


def _promise_plot(data: ConvolutionData, say: Texts) -> Plot:
    series = []
    for key, choose in (
        ("bare", lambda case: case.time_ratio),
        ("in_block", lambda case: case.block_ratio),
    ):
        ratios = [choose(case) for case in data.cases]
        series.append(
            Series(
                name=say(key),
                xs=[1 / case.promised for case in data.cases],
                ys=[1 / ratio[0] for ratio in ratios],
                lows=[1 / ratio[2] for ratio in ratios],
                highs=[1 / ratio[1] for ratio in ratios],
            )
        )
    ends = [min(series[0].xs), max(series[0].xs)]
    series.append(Series(name=say("as_promised"), xs=ends, ys=ends, kind="reference"))
    return Plot(
        name="promise",
        title=say("promise_title"),
        description=say("promise_description"),
        x_title=say("promise_x"),
        y_title=say("promise_y"),
        x_is_logarithmic=True,
        y_is_logarithmic=True,
        series=series,
    )


def _roofline_plot(data: ConvolutionData, say: Texts) -> Plot:
    series = []
    for key in ("ordinary", "depthwise", "pointwise"):
        steps: list[Step] = [getattr(case, key) for case in data.cases]
        series.append(
            Series(
                name=say(key),
                xs=[step.macs / step.bytes_moved for step in steps],
                ys=[step.macs / step.seconds / 1e9 for step in steps],
            )
        )
    xs = [x for one in series for x in one.xs]
    peak = data.profile.macs_per_second
    cache = max(rate for _, rate in data.profile.bandwidths)
    memory = data.profile.bandwidths[-1][1]
    for key, rate in (("roof_cache", cache), ("roof_memory", memory)):
        corners = sorted({min(xs), min(max(peak / rate, min(xs)), max(xs)), max(xs)})
        ys = [min(peak, rate * x) / 1e9 for x in corners]
        series.append(Series(name=say(key), xs=corners, ys=ys, kind="reference"))
    return Plot(
        name="roofline",
        title=say("roofline_title"),
        description=say("roofline_description"),
        x_title=say("roofline_x"),
        y_title=say("roofline_y"),
        x_is_logarithmic=True,
        y_is_logarithmic=True,
        series=series,
    )
