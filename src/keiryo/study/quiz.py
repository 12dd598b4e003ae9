"""The check questions of the course: every answer computed, right ones and wrong ones.

A cost is right if its formula gives the multiply-accumulates that are counted in a layer, at every
size that was tried. A kind of convolution is right if a layer of it depends on its inputs as the
layers of a WaveNet do. An advantage of dilation is one that a plain convolution does not have.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor, nn

from keiryo.cost.weighing import weigh
from keiryo.models.wavenet import WaveNet, WaveNetConfiguration
from keiryo.nn.causal import CausalConvolution
from keiryo.records.study import Judgement, StudyTable, Told
from keiryo.study.outcome import Outcome, Tell, Texts

SAME = 1e-4  # the largest relative difference of results that only rounding makes


@dataclass(frozen=True)
class Sizes:
    """The number of random layers that formulas are held against, and the WaveNets' layers."""

    layers: int
    dilated_layers: int


QUICK = Sizes(layers=20, dilated_layers=8)
THOROUGH = Sizes(layers=200, dilated_layers=10)

CHANNELS, KERNEL, LENGTH, DILATION = 6, 2, 24, 4  # of the convolutions over time


@dataclass(frozen=True)
class Layer:
    """W x H outputs, `channels` in, `out_channels` out, and a K x K kernel."""

    width: int
    height: int
    channels: int
    out_channels: int
    kernel: int


# The answers that can be given: the cost in multiply-accumulates.
COSTS: dict[str, Callable[[Layer], int]] = {
    "WHCKK": lambda a: a.width * a.height * a.channels * a.kernel**2,
    "WHCM": lambda a: a.width * a.height * a.channels * a.out_channels,
    "WHCMKK": lambda a: a.width * a.height * a.channels * a.out_channels * a.kernel**2,
    "WHMKK": lambda a: a.width * a.height * a.out_channels * a.kernel**2,
}
# The answers that can be given: the share of the ordinary convolution.
SHARES: dict[str, Callable[[Layer], Fraction]] = {
    "1/C_out": lambda a: Fraction(1, a.out_channels),
    "1/C_in": lambda a: Fraction(1, a.channels),
    "1/K²": lambda a: Fraction(1, a.kernel**2),
    "1/K": lambda a: Fraction(1, a.kernel),
}
COURSE = {
    "depthwise_cost": "WHCKK",
    "depthwise_share": "1/C_out",
    "pointwise_cost": "WHCM",
    "pointwise_share": "1/K²",
    "wavenet": "dilated_causal",
    "advantage": "wide_field",
}


@dataclass(frozen=True)
class Counted:
    """A random layer and the counted multiply-accumulates of the three convolutions."""

    layer: Layer
    ordinary: int
    depthwise: int
    pointwise: int


@dataclass(frozen=True)
class Structure:
    """The dependence of one output of a layer on its inputs, found by its gradient."""

    outputs: int  # for LENGTH inputs
    offsets: tuple[int, ...]  # places in time that it depends on, relative to its own
    channels: int
    parameters: int


@dataclass(frozen=True)
class Stack:
    """A WaveNet: its parameters, its receptive field, and the errors of one parallel pass.

    The errors are relative to the results of computing each sample by itself.
    """

    parameters: int
    field: int
    training_error: float
    inference_error: float


@dataclass(frozen=True)
class QuizData:
    """All that the answers follow from."""

    counted: list[Counted]
    wavenet: Structure
    kinds: dict[str, Structure]
    dilated: Stack
    plain: Stack


@dataclass(frozen=True)
class Answer:
    """An answer that can be given, and the evidence that it is right or wrong."""

    question: str
    answer: str
    is_right: bool
    evidence: Told


def study(sizes: Sizes, seed: int, tell: Tell) -> Outcome:
    """Compute every answer of the check questions."""
    data = compute(sizes, seed, tell)
    answers = answer(data)
    say = Texts("quiz")
    columns = [say(key) for key in ("column_answer", "column_computed", "column_course")]
    tables = [
        StudyTable(
            title=say(question),
            columns=[*columns, say("column_evidence")],
            rows=[
                [
                    _label(one, say),
                    say("right" if one.is_right else "wrong"),
                    say("chosen" if one.answer == COURSE[question] else "not_chosen"),
                    one.evidence,
                ]
                for one in answers
                if one.question == question
            ],
        )
        for question in COURSE
    ]
    return Outcome(
        title=say("title"),
        claim=say("claim"),
        formulas=[
            "W·H·C_in·K² / (W·H·K²·C_in·C_out) = 1/C_out",
            "W·H·C_in·C_out / (W·H·K²·C_in·C_out) = 1/K²",
            "1 + (K − 1)·Σd",
        ],
        experiment=say("experiment", layers=sizes.layers, wavenet=sizes.dilated_layers),
        judgements=judge(answers),
        tables=tables,
    )


def judge(answers: list[Answer]) -> list[Judgement]:
    """Return for each question if the course's answer is right, and it alone."""
    say = Texts("quiz")
    judgements = []
    for question, expected in COURSE.items():
        right = [one for one in answers if one.question == question and one.is_right]
        holds = [one.answer for one in right] == [expected]
        labels = [_label(one, say) for one in right] or [say("none")]
        told = {
            "en": ", ".join(one if isinstance(one, str) else one.en for one in labels),
            "ja": "、".join(one if isinstance(one, str) else one.ja for one in labels),
        }
        key = "alone" if holds else "otherwise"
        judgements.append(
            Judgement(
                part=question,
                claim=say(question),
                verdict="holds" if holds else "does_not_hold",
                reason=Told(en=say(key, answer=told["en"]).en, ja=say(key, answer=told["ja"]).ja),
            )
        )
    return judgements


def answer(data: QuizData) -> list[Answer]:
    """Return each answer that can be given, right or wrong by `data` alone."""
    say = Texts("quiz")
    answers: list[Answer] = []
    for step in ("depthwise", "pointwise"):
        for name, cost in COSTS.items():
            pairs = [(one, cost(one.layer), getattr(one, step)) for one in data.counted]
            answers.append(_hold_against(f"{step}_cost", name, pairs, say))
        for name, share in SHARES.items():
            shares = [
                (one, share(one.layer), Fraction(getattr(one, step), one.ordinary))
                for one in data.counted
            ]
            answers.append(_hold_against(f"{step}_share", name, shares, say))
    for kind, structure in data.kinds.items():
        evidence = say(
            "structure",
            offsets=", ".join(map(str, structure.offsets)),
            channels=structure.channels,
            outputs=structure.outputs,
            parameters=structure.parameters,
            true_offsets=", ".join(map(str, data.wavenet.offsets)),
            true_channels=data.wavenet.channels,
            true_outputs=data.wavenet.outputs,
            true_parameters=data.wavenet.parameters,
        )
        answers.append(Answer("wavenet", kind, structure == data.wavenet, evidence))
    return [*answers, *_advantages(data, say)]


def _hold_against(
    question: str,
    name: str,
    pairs: list[tuple[Counted, int, int]] | list[tuple[Counted, Fraction, Fraction]],
    say: Texts,
) -> Answer:
    wrong = [pair for pair in pairs if pair[1] != pair[2]]
    if not wrong:
        return Answer(question, name, True, say("always", count=len(pairs)))
    counted, given, found = wrong[0]
    layer = counted.layer
    evidence = say(
        "differs",
        wrong=len(wrong),
        count=len(pairs),
        size=f"W={layer.width}, H={layer.height}, C={layer.channels}, M={layer.out_channels}, "
        f"K={layer.kernel}",
        given=f"{given:,}" if isinstance(given, int) else given,
        found=f"{found:,}" if isinstance(found, int) else found,
    )
    return Answer(question, name, False, evidence)


def _advantages(data: QuizData, say: Texts) -> list[Answer]:
    dilated, plain = data.dilated, data.plain
    wide = dilated.field * plain.parameters > plain.field * dilated.parameters
    fields = say(
        "fields",
        parameters=f"{dilated.parameters:,}",
        plain_parameters=f"{plain.parameters:,}",
        field=dilated.field,
        plain_field=plain.field,
    )
    many = dilated.parameters * plain.field > plain.parameters * dilated.field
    per_sample = say(
        "per_sample",
        dilated=f"{dilated.parameters / dilated.field:,.0f}",
        plain=f"{plain.parameters / plain.field:,.0f}",
    )

    def parallel(key: str, plain_error: float, dilated_error: float) -> Answer:
        evidence = say("parallel", plain=f"{plain_error:.0e}", dilated=f"{dilated_error:.0e}")
        # It is an advantage of dilation if a plain stack could not do it.
        return Answer("advantage", key, dilated_error <= SAME < plain_error, evidence)

    return [
        Answer("advantage", "wide_field", wide, fields),
        Answer("advantage", "many_parameters", many, per_sample),
        parallel("parallel_training", plain.training_error, dilated.training_error),
        parallel("parallel_inference", plain.inference_error, dilated.inference_error),
    ]


def compute(sizes: Sizes, seed: int, tell: Tell) -> QuizData:
    """Count the layers, and follow the dependence of outputs on inputs by gradients."""
    generator = torch.Generator().manual_seed(seed)
    counted = []
    for number in range(sizes.layers):
        tell(0.7 * number / sizes.layers, "counting multiply-accumulates")
        counted.append(_count(_random_layer(generator)))
    tell(0.7, "following the inputs of convolutions")
    causal = CausalConvolution(CHANNELS, CHANNELS, KERNEL, dilation=DILATION, bias=False)
    configuration = _configuration(sizes.dilated_layers, dilated=True)
    unit = WaveNet(configuration).units[DILATION.bit_length() - 1]
    layers: dict[str, nn.Module] = {
        "dilated_causal": causal,
        # A filter for each channel, then a mixture of channels.
        "depthwise_separable": nn.Sequential(
            nn.ConstantPad1d((causal.reach, 0), 0.0),
            nn.Conv1d(CHANNELS, CHANNELS, KERNEL, dilation=DILATION, groups=CHANNELS, bias=False),
            nn.Conv1d(CHANNELS, CHANNELS, 1, bias=False),
        ),
        "pointwise": nn.Conv1d(CHANNELS, CHANNELS, 1, bias=False),
        "transposed": nn.ConvTranspose1d(CHANNELS, CHANNELS, KERNEL, KERNEL, bias=False),
    }
    kinds = {name: _follow(layer, generator) for name, layer in layers.items()}
    wavenet = _follow(unit.filter_gate, generator)
    tell(0.85, "computing sample by sample")
    stacks = [_measure_stack(sizes.dilated_layers, dilated, seed) for dilated in (True, False)]
    return QuizData(counted, wavenet, kinds, *stacks)


def _random_layer(generator: torch.Generator) -> Layer:
    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    channels = draw(2, 64)
    out_channels = channels + draw(1, 64)  # unlike, so that the answers differ
    return Layer(draw(4, 32), draw(4, 32), channels, out_channels, 2 * draw(1, 3) + 1)


def _count(layer: Layer) -> Counted:
    def macs(out_channels: int, kernel: int, groups: int) -> int:
        module = nn.Conv2d(
            layer.channels, out_channels, kernel, padding=kernel // 2, groups=groups, bias=False
        )
        counted = weigh(module, (layer.channels, layer.height, layer.width)).macs
        assert counted is not None
        return counted

    return Counted(
        layer,
        ordinary=macs(layer.out_channels, layer.kernel, 1),
        depthwise=macs(layer.channels, layer.kernel, layer.channels),
        pointwise=macs(layer.out_channels, 1, 1),
    )


def _follow(layer: nn.Module, generator: torch.Generator) -> Structure:
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, 0.5, 1.0, generator=generator)  # so that no term vanishes
    x = torch.ones(1, CHANNELS, LENGTH, requires_grad=True)
    y: Tensor = layer(x)
    place = LENGTH // 2
    y[0, 0, place].backward()
    assert x.grad is not None
    seen = x.grad[0] != 0
    offsets = tuple(int(time) - place for time in seen.any(dim=0).nonzero()[:, 0])
    return Structure(
        outputs=y.shape[-1],
        offsets=offsets,
        channels=int(seen.any(dim=1).sum()),
        parameters=sum(parameter.numel() for parameter in layer.parameters()),
    )


def _configuration(layers: int, *, dilated: bool) -> WaveNetConfiguration:
    return WaveNetConfiguration(
        stacks=1,
        layers_per_stack=layers,
        kernel_size=KERNEL,
        dilated=dilated,
        residual_channels=CHANNELS,
        gate_channels=CHANNELS // 2,
        skip_channels=CHANNELS,
        levels=16,
        bias=False,
    )


def _measure_stack(layers: int, dilated: bool, seed: int) -> Stack:
    torch.manual_seed(seed)
    configuration = _configuration(layers, dilated=dilated)
    network = WaveNet(configuration).double()
    codes = torch.randint(0, configuration.levels, (1, LENGTH))
    together = network.log_likelihood(codes)
    gradients = torch.autograd.grad(together.sum(), list(network.parameters()))
    # Each sample from a recording that ends with it: nothing else is computed beside it.
    alone = [network.log_likelihood(codes[:, : end + 1])[:, -1] for end in range(LENGTH)]
    sums = [torch.zeros_like(gradient) for gradient in gradients]
    for one in alone:
        for total, gradient in zip(
            sums, torch.autograd.grad(one.sum(), list(network.parameters())), strict=True
        ):
            total += gradient
    return Stack(
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        field=configuration.receptive_field,
        training_error=_difference(
            torch.cat([one.flatten() for one in gradients]),
            torch.cat([one.flatten() for one in sums]),
        ),
        inference_error=_difference(together[0], torch.cat(alone)),
    )


def _difference(one: Tensor, other: Tensor) -> float:
    return float(((one - other).abs().max() / other.abs().max()).detach())


def _label(one: Answer, say: Texts) -> Told | str:
    if one.answer in COSTS:
        return "·".join(one.answer)
    return one.answer if one.answer in SHARES else say(one.answer)
