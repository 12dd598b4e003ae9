"""Training throughput of keiryo against Keras, PyTorch and timm, in turn, on this machine.

    make bench
    .venv/bin/python benchmarks/training.py --keras-python .venv-bench/bin/python
    make .venv-weighing/installed
    .venv/bin/python benchmarks/training.py --sides keiryo,pytorch,tuned,timm \
        --torch-python .venv-weighing/bin/python --models mobilenet_v1,resnet18

Each measurement is a process of its own, A B C A B C ..., that trains one model on the same
images in memory with Adam; a step is timed from batch to batch, the first ones are left out,
and the median of the rest is taken. `pytorch` sets nothing; `tuned` is the same by hand as
fast as PyTorch's guides make it: the allocator keeps its memory, channels last, fused Adam;
`tuned-bfloat16` is that within autocast. `keiryo` takes the precision that it finds best here,
`keiryo-float32` does not.
Printed are the medians over the rounds, images per second, and the peak memory of the process.
"""

import argparse
import json
import os
import platform
import statistics
import sys

from own_process import run
from training_sides import MODELS, SIDES

# Those that need memory that is kept.
KEEPING_MEMORY = ("keiryo", "keiryo-float32", "tuned", "tuned-bfloat16")


def main() -> None:
    """Run the sides in turn, a table for each model; or but one side, where `--side` says so."""
    options = parse_options()
    if options.side:
        print(json.dumps(SIDES[options.side](options)))
        return
    for model in options.models.split(","):
        sides = [
            side
            for side in options.sides.split(",")
            if side != "keras" or MODELS[model].keras is not None
        ]
        results: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
        for number in range(options.rounds):
            for side in sides:
                results[side].append(run_side(side, model, options))
                print(f"{model}, round {number + 1}, {side}: {results[side][-1]}", file=sys.stderr)
        print_table(model, results, options)


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="mobilenet_v2:width=0.5", help=", ".join(MODELS))
    parser.add_argument("--sides", default="keiryo,keras", help=", ".join(SIDES))
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--keras-python", default=sys.executable)
    parser.add_argument("--torch-python", default=sys.executable, help="with torchvision and timm")
    parser.add_argument("--recipe", choices=("plain", "keiryo"), default="plain")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--model", choices=MODELS, help=argparse.SUPPRESS)
    return parser.parse_args()


def run_side(side: str, model: str, options: argparse.Namespace) -> dict[str, float]:
    """Measure one side in a process of its own, keiryo's started as it starts its trials."""
    ours = side.startswith("keiryo")
    other = options.keras_python if side == "keras" else options.torch_python
    python = sys.executable if ours else other
    command = [python, __file__, *sys.argv[1:], "--side", side, "--model", model]
    return run(command, keeps_memory=side in KEEPING_MEMORY)


def print_table(
    model: str, results: dict[str, list[dict[str, float]]], options: argparse.Namespace
) -> None:
    """Print the medians of each side, and keiryo's rate against its, round by round."""
    print(
        f"\n{model}, {options.size} px, batch {options.batch}, {options.threads} threads, "
        f"{options.rounds} rounds, {platform.processor() or platform.machine()}\n"
    )
    print("| side | images/s (median) | least | most | peak memory | keiryo / it |")
    print("| --- | --- | --- | --- | --- | --- |")
    ours = results.get("keiryo")
    for side, rounds in results.items():
        rates = [figures["images_per_second"] for figures in rounds]
        memory = statistics.median(figures["peak_memory_bytes"] for figures in rounds)
        ratio = ""
        if ours is not None and side != "keiryo":
            pairs = zip(ours, rates, strict=True)
            ratio = f"{statistics.median(our['images_per_second'] / it for our, it in pairs):.2f}"
        print(
            f"| {side} | {statistics.median(rates):.1f} | {min(rates):.1f} | {max(rates):.1f} "
            f"| {memory / 1e9:.2f} GB | {ratio} |"
        )


if __name__ == "__main__":
    main()
