"""keiryo's counts and speed against fvcore, ptflops, torchinfo and torch's own counter.

    make bench-weighing
    .venv-weighing/bin/python benchmarks/weighing.py

Run in an environment of its own, since timm needs torchvision (see
`benchmarks/weighing-requirements.txt`). Every architecture is built once and then counted
by each tool in turn, round after round; times are medians. Multiply-accumulates are
compared to the last one; where a tool says otherwise, the operators that it leaves out
or adds are named, by asking it.
"""

import argparse
import logging
import statistics
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import keiryo
from keiryo.models.spec import FACTORIES
from keiryo.records.costs import Weighing
from torchvision_operators import declare_torchvision_operators

TIMM = (
    "resnet18",
    "resnet50",
    "resnext50_32x4d",
    "wide_resnet50_2",
    "seresnet50",
    "densenet121",
    "vgg11_bn",
    "mobilenetv2_100",
    "mobilenetv3_large_100",
    "mobilenetv4_conv_small",
    "mnasnet_100",
    "efficientnet_b0",
    "efficientnet_lite0",
    "tf_efficientnetv2_b0",
    "regnetx_008",
    "regnety_008",
    "ghostnet_100",
    "convnext_tiny",
    "convnextv2_atto",
    "vit_tiny_patch16_224",
    "swin_tiny_patch4_window7_224",
    "mixer_s32_224",
    "resmlp_12_224",
    "gmlp_s16_224",
    "poolformer_s12",
    "cait_xxs24_224",
    "levit_128s",
    "mobilevit_s",
    "edgenext_xx_small",
    "hrnet_w18_small",
    "inception_v3",
    "xception41",
    "dla34",
    "repvgg_a0",
)
# What fvcore calls the operators that both count.
PRODUCTS = ("conv", "linear", "matmul", "addmm", "bmm", "einsum")


def main() -> None:
    """Count every architecture with every tool and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", help="timm's names; all of the list if left out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--processor",
        action="store_true",
        help="take the least processor time instead of the median time: for a busy machine",
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    declare_torchvision_operators()

    names = [f"timm/{name}" for name in options.models or TIMM]
    if options.models is None:
        names = [*FACTORIES, *names]
    counts, times, reasons = [], [], []
    for name in names:
        network, shape = build(name)
        counts.append((name, *count_everywhere(network, shape)))
        weighing, ptflops = counts[-1][1], counts[-1][4]
        reasons.append(ptflops_reasons(network, shape, weighing, ptflops))
        clock = time.process_time if options.processor else time.perf_counter
        times.append((name, time_everywhere(network, shape, options.rounds, clock)))
        print(f"{name}: {counts[-1][1].macs}", file=sys.stderr)
    print_counts(counts)
    print("\n| architecture | in ptflops' |\n| --- | --- |")
    for name, parts in zip(names, reasons, strict=True):
        print(f"| {name} | {', '.join(parts)} |")
    print_times(times, options)


def build(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    """Return the architecture with real weights, for evaluation, and its input's shape."""
    if name.startswith("timm/"):
        import timm

        network = timm.create_model(name.removeprefix("timm/"), pretrained=False)
        return network.eval(), tuple(network.pretrained_cfg["input_size"])
    return keiryo.build(name, classes=1000).eval(), (3, 224, 224)


Tool = Callable[[nn.Module, tuple[int, ...]], object]


def with_keiryo(network: nn.Module, shape: tuple[int, ...]) -> Weighing:
    """Weigh with keiryo."""
    return keiryo.weigh(network, shape)


def with_torch(network: nn.Module, shape: tuple[int, ...]) -> Counter[str]:
    """Return torch's own count of each operator, in multiply-accumulates."""
    counter = FlopCounterMode(display=False)
    # It does not know the processor's fused attention, and would count nothing for it.
    # (Nor is it run without gradients, under which it fails on some networks.)
    with sdpa_kernel(SDPBackend.MATH), counter:
        network(torch.zeros(1, *shape))
    total = counter.get_flop_counts()["Global"]
    return Counter({str(operator): flops // 2 for operator, flops in total.items()})


def with_fvcore(network: nn.Module, shape: tuple[int, ...]) -> Counter[str]:
    """Return fvcore's count of each operator, in multiply-accumulates (which it calls flops)."""
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(network, torch.zeros(1, *shape))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return Counter({name: round(count) for name, count in analysis.by_operator().items()})


def with_ptflops(
    network: nn.Module,
    shape: tuple[int, ...],
    *,
    without: Sequence[type[nn.Module]] = (),
    functions: bool = True,
) -> int:
    """Return ptflops' count by its defaults, in multiply-accumulates."""
    from ptflops import get_model_complexity_info

    macs, _ = get_model_complexity_info(
        network,
        shape,
        as_strings=False,
        print_per_layer_stat=False,
        verbose=False,
        ignore_modules=list(without),
        backend_specific_config={"count_functional": functions},
    )
    return -1 if macs is None else int(macs)


def with_torchinfo(network: nn.Module, shape: tuple[int, ...]) -> int:
    """Return torchinfo's count of multiply-accumulates."""
    import torchinfo

    return torchinfo.summary(network, (1, *shape), verbose=0).total_mult_adds


def count_everywhere(
    network: nn.Module, shape: tuple[int, ...]
) -> tuple[Weighing, Counter[str], Counter[str], int, int]:
    """Count with each tool once."""
    return (
        with_keiryo(network, shape),
        with_torch(network, shape),
        with_fvcore(network, shape),
        with_ptflops(network, shape),
        with_torchinfo(network, shape),
    )


def time_everywhere(
    network: nn.Module, shape: tuple[int, ...], rounds: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Time each tool in turn, after one count that warmed it up."""
    tools: dict[str, Tool] = {
        "keiryo": with_keiryo,
        "fvcore": with_fvcore,
        "torchinfo": with_torchinfo,
        "ptflops": with_ptflops,
        "torch": with_torch,
    }
    times: dict[str, list[float]] = {tool: [] for tool in tools}
    for _ in range(rounds):
        for tool, count in tools.items():
            started = clock()
            count(network, shape)
            times[tool].append(clock() - started)
    return times


def print_counts(
    counts: list[tuple[str, Weighing, Counter[str], Counter[str], int, int]],
) -> None:
    """Print the multiply-accumulates of all tools, and where fvcore's difference comes from."""
    print("| architecture | keiryo | torch | fvcore | ptflops | torchinfo | in fvcore's |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, weighing, by_torch, by_fvcore, ptflops, torchinfo in counts:
        macs = weighing.macs
        shown = "incomplete" if macs is None else f"{macs:,}"
        cells = [
            "equal" if total == macs else f"{total - weighing.known_macs:+,}"
            for total in (by_torch.total(), by_fvcore.total(), ptflops, torchinfo)
        ]
        why = ", ".join(fvcore_reasons(weighing, by_fvcore))
        print(f"| {name} | {shown} | {' | '.join(cells)} | {why} |")


def fvcore_reasons(weighing: Weighing, by_fvcore: Counter[str]) -> list[str]:
    """Return what fvcore counts besides products, and what it leaves out."""
    extra = {
        operator: count
        for operator, count in by_fvcore.items()
        if count and operator not in PRODUCTS
    }
    reasons = [f"+{count:,} {operator}" for operator, count in extra.items()]
    missing = weighing.known_macs - (by_fvcore.total() - sum(extra.values()))
    attention = sum(
        layer.macs for layer in weighing.layers if layer.type == "scaled_dot_product_attention"
    )
    if missing and missing == attention:
        reasons.append(f"-{missing:,} scaled_dot_product_attention")
    elif missing:
        reasons.append(f"{-missing:+,} not explained")
    return reasons


def ptflops_reasons(
    network: nn.Module, shape: tuple[int, ...], weighing: Weighing, total: int
) -> list[str]:
    """Return what ptflops counts besides products, and which products it does not see."""
    from ptflops.pytorch_ops import MODULES_MAPPING

    products = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    norms = [kind for kind in MODULES_MAPPING if "Norm" in kind.__name__]
    attention = [kind for kind in MODULES_MAPPING if "Attention" in kind.__name__]
    others = [kind for kind in MODULES_MAPPING if kind not in (*norms, *attention, *products)]
    modules = with_ptflops(network, shape, functions=False)
    without_norms = with_ptflops(network, shape, functions=False, without=norms)
    alone = with_ptflops(network, shape, functions=False, without=[*norms, *others])
    # It goes by the exact class, and not into modules that it has a formula for: subclasses,
    # functions and layers within its kinds of attention it does not see.
    kinds = {name: type(module) for name, module in network.named_modules()}
    closed = tuple(f"{name}." for name, kind in kinds.items() if kind in attention)
    seen = [
        layer
        for layer in weighing.layers
        if kinds.get(layer.name.partition("#")[0]) in products and not layer.name.startswith(closed)
    ]
    biases = sum(layer.elements for layer in seen)
    products_seen = sum(layer.macs for layer in seen)
    rest = alone - products_seen - biases
    parts = {
        "norms": modules - without_norms,
        "activations, pooling": without_norms - alone,
        "functions, tensor operators": total - modules,
        "biases": biases,
        "its formula for attention" if closed else "not explained": rest,
        "products it does not see": products_seen - weighing.known_macs,
    }
    return [f"{count:+,} {what}" for what, count in parts.items() if count]


def print_times(
    times: list[tuple[str, dict[str, list[float]]]], options: argparse.Namespace
) -> None:
    """Print the median time of each tool, and how many times keiryo's it is."""
    title, best = (
        ("Least processor time", min) if options.processor else ("Median", statistics.median)
    )
    print(f"\n{title} of {options.rounds} rounds, {options.threads} threads, in milliseconds:\n")
    tools = list(times[0][1])
    print(f"| architecture | {' | '.join(tools)} |")
    print(f"| --- |{' --- |' * len(tools)}")
    ratios: dict[str, list[float]] = {tool: [] for tool in tools}
    for name, rounds in times:
        medians = {tool: best(seconds) for tool, seconds in rounds.items()}
        for tool, median in medians.items():
            ratios[tool].append(median / medians["keiryo"])
        cells = " | ".join(f"{median * 1000:.0f}" for median in medians.values())
        print(f"| {name} | {cells} |")
    print("\nTimes keiryo's:")
    for tool, values in ratios.items():
        print(
            f"- {tool}: median {statistics.median(values):.2f}, "
            f"least {min(values):.2f}, most {max(values):.2f}"
        )


if __name__ == "__main__":
    main()
