"""What keiryo makes of a GPU, in one call: training, augmentation, trials together, WaveNet.

    .venv/bin/python benchmarks/gpu.py

Each measurement is a process of its own, so that one that fails leaves the others; why it
failed stands in its row. `--device cpu --quick` goes through everything on a processor.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODELS = ("mobilenet_v2:width=0.5", "mobilenet_v1", "resnet18", "densenet121", "vgg16")
COURSE_MODELS = "mobilenet_v2:width=0.5,vgg16"
COURSE_IMAGES, COURSE_EPOCHS, COURSE_BATCH = 10_473, 40, 512
PATIENCE_SECONDS = 300


def main() -> None:
    """Print a table for each thing measured, or measure one where `--part` says which."""
    options = parse_options()
    if options.part:
        print(json.dumps(PARTS[options.part](options)))
        return
    print(f"{options.device}: {device_name(options.device)}\n")
    for name in options.tables.split(","):
        TABLES[name](options)


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batches", default="128,512,2048")
    parser.add_argument("--models", default=",".join(MODELS), help="%(default)s")
    parser.add_argument("--quick", action="store_true", help="a small size of everything")
    parser.add_argument("--tables", default=",".join(TABLES), help="%(default)s")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--model", default=MODELS[0], help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, default=128, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.size, options.batches = 32, "8"
    return options


def device_name(device: str) -> str:
    """Return what the device calls itself."""
    import torch

    from keiryo.measure.machine import processor_name

    return torch.cuda.get_device_name() if device == "cuda" else processor_name()


def print_training(options: argparse.Namespace) -> None:
    """Print images per second of keiryo's own loop."""
    print("| model | batch | images/s | peak memory |\n| --- | --- | --- | --- |")
    for model in options.models.split(",")[: 2 if options.quick else None]:
        for batch in options.batches.split(","):
            found = measured("training", options, model=model, batch=batch)
            if "failed" in found:
                print(f"| {model} | {batch} | {found['failed']} | |", flush=True)
                continue
            rate, memory = found["images_per_second"], found["peak_memory_bytes"]
            print(f"| {model} | {batch} | {rate:,.0f} | {memory / 1e9:.1f} GB |", flush=True)


def print_course(options: argparse.Namespace) -> None:
    """Run the course's whole experiment as a user does, and print what it took."""
    images, epochs = (100, 1) if options.quick else (COURSE_IMAGES, COURSE_EPOCHS)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "keiryo", "compare", f"petals:count={images}"]
        command += ["--models", COURSE_MODELS, "--epochs", str(epochs), "--out", f"{folder}/out"]
        command += ["--size", str(options.size), "--batch", str(COURSE_BATCH)]
        command += ["--device", options.device, "--wait-for-quiet", "0"]
        began = time.perf_counter()
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        whole = time.perf_counter() - began
        results = Path(folder, "out", "results.json")
        if not results.exists():
            print(f"\nThe course's experiment failed: {ended.stdout.strip().splitlines()[-1]}")
            return
        trials = json.loads(results.read_text())["trials"]
    print(
        f"\nThe course's experiment, {epochs} epochs of {images:,} images: {whole:.0f} s in all\n"
    )
    print("| model | training | images/s | held out |\n| --- | --- | --- | --- |")
    for trial in trials:
        if trial["status"] != "done":
            print(f"| {trial['model']} | {trial['error']} | | |")
            continue
        print(
            f"| {trial['model']} | {trial['train_seconds']:.0f} s "
            f"| {trial['images_per_second']:,.0f} | {trial['val_accuracy']:.1%} |",
            flush=True,
        )


def print_compiled(options: argparse.Namespace) -> None:
    """Print what `torch.compile` would gain, and what it takes to begin."""
    print("\n| model | as it is | compiled | first step compiled |\n| --- | --- | --- | --- |")
    for model in options.models.split(",")[: 1 if options.quick else 3]:
        batch = options.batches.split(",")[-1]
        found = measured("compiled", options, model=model, batch=batch)
        if "failed" in found:
            print(f"| {model} | {found['failed']} | | |", flush=True)
            continue
        print(
            f"| {model}, batch {batch} | {found['plain']:,.0f}/s | {found['compiled']:,.0f}/s "
            f"| {found['first_step_seconds']:.0f} s |",
            flush=True,
        )


def print_augmentation(options: argparse.Namespace) -> None:
    """Print how many images a second are read from device memory and varied there."""
    found = measured("augmentation", options)
    print(f"\nVaried by the recipe on the device: {told(found)} images/s")


def print_together(options: argparse.Namespace) -> None:
    """Print what several small trials make of one device at the same time."""
    print("\n| trials at once | images/s, all together |\n| --- | --- |")
    for count in (1, 2, 4):
        batch = "8" if options.quick else "64"
        processes = [started("training", options, batch=batch) for _ in range(count)]
        found = [ended(process) for process in processes]
        failed = next((one["failed"] for one in found if "failed" in one), None)
        total = failed or f"{sum(one['images_per_second'] for one in found):,.0f}"
        print(f"| {count} | {total} |", flush=True)


def print_wavenet(options: argparse.Namespace) -> None:
    """Print samples per second of WaveNet's step, one stream and many."""
    print("\n| WaveNet, streams at once | samples/s | times real time at 16 kHz |")
    print("| --- | --- | --- |")
    for streams in ("1", "4") if options.quick else ("1", "64", "1024"):
        found = measured("wavenet", options, batch=streams)
        rate = found.get("per_second")
        times = "" if rate is None else f"{rate / 16_000:,.2f}"
        print(f"| {streams} | {told(found)} | {times} |", flush=True)


def told(found: dict[str, Any]) -> str:
    """Return a rate in words, or why there is none."""
    return found.get("failed") or f"{found['per_second']:,.0f}"


def measured(part: str, options: argparse.Namespace, **changes: str) -> dict[str, Any]:
    """Return what a process of its own measured, or `failed` with its last words."""
    return ended(started(part, options, **changes))


def started(part: str, options: argparse.Namespace, **changes: str) -> subprocess.Popen[str]:
    """Start the process that measures `part`."""
    from keiryo.train.device import ALLOCATOR_SETTINGS

    command = [sys.executable, __file__, "--part", part, "--device", options.device]
    command += ["--size", str(options.size), *(["--quick"] if options.quick else [])]
    for name, value in changes.items():
        command += [f"--{name}", value]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ, **ALLOCATOR_SETTINGS),
    )


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what the process measured, or `failed` with its last words."""
    try:
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return {"failed": f"not done after {PATIENCE_SECONDS} s"}
    if process.returncode:
        lines = err.strip().splitlines()
        return {"failed": lines[-1] if lines else f"exit status {process.returncode}"}
    return json.loads(out.splitlines()[-1])


def training(options: argparse.Namespace) -> dict[str, Any]:
    """Measure steps of keiryo's loop, as `keiryo bench --training` does."""
    from keiryo.bench.training_steps import StepsOfTraining, measure_training

    steps = StepsOfTraining(
        model=options.model,
        size=options.size,
        classes=5,
        batch=options.batch,
        threads=os.cpu_count() or 1,
        device=options.device,
    )
    try:
        speed = measure_training(steps)
    except subprocess.CalledProcessError as error:
        sys.exit(error.stderr.strip().splitlines()[-1])
    return speed.model_dump(include={"images_per_second", "peak_memory_bytes"})


def compiled(options: argparse.Namespace) -> dict[str, Any]:
    """Measure forward and backward as they are and compiled, in the precision of trainings."""
    import torch

    from keiryo.models.saved import channels_last
    from keiryo.models.spec import build
    from keiryo.train.precision import mixed_precision

    device = torch.device(options.device)
    network = channels_last(build(options.model, classes=5).to(device).train())
    images = torch.rand(options.batch, 3, options.size, options.size, device=device)
    images = images.to(memory_format=torch.channels_last)
    surroundings = mixed_precision(network, device, "auto")

    def step(run: Callable[[Any], Any]) -> None:
        with surroundings():
            loss = run(images).float().square().mean()
        network.zero_grad(set_to_none=True)
        loss.backward()

    plain = rate(lambda: step(network), device, options)
    fast: Any = torch.compile(network)
    began = time.perf_counter()
    step(fast)
    synchronize(device)
    first = time.perf_counter() - began
    return {
        "plain": plain * options.batch,
        "compiled": rate(lambda: step(fast), device, options) * options.batch,
        "first_step_seconds": first,
    }


def augmentation(options: argparse.Namespace) -> dict[str, Any]:
    """Measure batches of the keiryo recipe made on the device, without a network."""
    import numpy as np
    import torch

    from keiryo.data.batches.batches import BatchSampler
    from keiryo.data.batches.device_batches import DeviceBatches
    from keiryo.train.recipe import RECIPES

    device, random = torch.device(options.device), np.random.default_rng(0)
    count = 64 if options.quick else 4096
    images = random.integers(0, 256, (count, options.size, options.size, 3), dtype=np.uint8)
    sampler = BatchSampler(
        np.arange(count),
        batch=8 if options.quick else 512,
        size=options.size,
        seed=0,
        augmentation=RECIPES["keiryo"].augmentation,
    )
    labels = random.integers(0, 5, count)
    batches = DeviceBatches(images, labels, sampler, device=device, free_bytes=1 << 40)
    epochs = iter(range(1_000_000))
    per_second = rate(lambda: list(batches.epoch(next(epochs))), device, options)
    return {"per_second": per_second * sampler.steps * sampler.batch}


def wavenet(options: argparse.Namespace) -> dict[str, Any]:
    """Measure generation of `--batch` streams, which on CUDA plays a recorded graph."""
    import torch

    from keiryo.audio.generation.generate import generate
    from keiryo.models.wavenet import WaveNet, WaveNetConfiguration

    torch.manual_seed(0)
    network = WaveNet(WaveNetConfiguration()).to(options.device).eval()
    chunk = 100 if options.quick else 1000
    pieces = generate(network, None, streams=options.batch, chunk=chunk)
    next(pieces)
    per_second = rate(lambda: next(pieces), torch.device(options.device), options)
    return {"per_second": per_second * chunk * options.batch}


def rate(run: Callable[[], Any], device: Any, options: argparse.Namespace) -> float:
    """Return how often a second `run` goes, by the median of some times after a warm-up."""
    times = []
    for _ in range(3 if options.quick else 20):
        began = time.perf_counter()
        run()
        synchronize(device)
        times.append(time.perf_counter() - began)
    return 1 / statistics.median(times[2:])


def synchronize(device: Any) -> None:
    """Wait for what the device has still to do."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize()


TABLES: dict[str, Callable[[argparse.Namespace], None]] = {
    "training": print_training,
    "course": print_course,
    "compiled": print_compiled,
    "augmentation": print_augmentation,
    "together": print_together,
    "wavenet": print_wavenet,
}
PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "training": training,
    "compiled": compiled,
    "augmentation": augmentation,
    "wavenet": wavenet,
}

if __name__ == "__main__":
    main()
