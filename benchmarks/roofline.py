"""keiryo's predicted layer times against measured ones, kind by kind.

    .venv/bin/python benchmarks/roofline.py

Measures the machine as `keiryo doctor --measure` does, then weighs and times each model
as `keiryo weigh --device-profile ... --measure` does, one image at a time.
"""

import argparse
import statistics

import torch

from keiryo.bench.weighing import weigh_model, with_measured_times
from keiryo.cost.roofline import with_predicted_times
from keiryo.measure.profile import measure_profile
from keiryo.models.spec import parse_spec
from keiryo.records.costs import DeviceProfile, LayerCost, Weighing

MODELS = ("mobilenet_v2", "mobilenet_v1", "resnet18", "resnet50", "densenet121", "vgg16")
INPUT = (3, 224, 224)


def main() -> None:
    """Print a table of whole networks, and one of kinds of layers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", default=MODELS)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    profile = measure_profile(device="cpu", threads=options.threads)
    print(f"{profile.macs_per_second / 1e9:.0f} G multiply-accumulates/s; bytes/s over bytes:")
    print(", ".join(f"{rate / 1e9:.0f} GB/s at {size:,}" for size, rate in profile.bandwidths))
    print({kind: f"{seconds * 1e6:.1f} µs" for kind, seconds in profile.call_seconds.items()})
    print("\n| model | at best | measured | measured / at best |\n| --- | --- | --- | --- |")
    layers: list[LayerCost] = []
    for model in options.models:
        weighing = weighed(model, profile, options.threads)
        best, real = weighing.predicted_ms or 0.0, weighing.measured_ms or 0.0
        print(f"| {model} | {best:.2f} ms | {real:.2f} ms | {real / best:.2f} |")
        layers += weighing.layers
    print("\n| layers | at best, sum | measured, sum | ratio of each: median | least | most |")
    print("| --- | --- | --- | --- | --- | --- |")
    timed = [layer for layer in layers if layer.predicted_ms and layer.measured_ms]
    for kind in dict.fromkeys(layer.kind for layer in timed):
        pairs = [
            (layer.predicted_ms or 0.0, layer.measured_ms or 0.0)
            for layer in timed
            if layer.kind == kind
        ]
        ratios = [real / best for best, real in pairs]
        print(
            f"| {kind} ({len(pairs)}) | {sum(best for best, _ in pairs):.1f} ms "
            f"| {sum(real for _, real in pairs):.1f} ms | {statistics.median(ratios):.2f} "
            f"| {min(ratios):.2f} | {max(ratios):.2f} |"
        )
    print(f"\ntorch {torch.__version__}, {options.threads} threads, {profile.processor}")


def weighed(model: str, profile: DeviceProfile, threads: int) -> Weighing:
    """Return the weighing of `model` with both kinds of times."""
    spec = parse_spec(model)
    weighing = with_predicted_times(weigh_model(spec, INPUT, classes=1000), profile)
    return with_measured_times(weighing, spec, INPUT, threads=threads)


if __name__ == "__main__":
    main()
