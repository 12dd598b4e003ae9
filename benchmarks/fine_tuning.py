r"""Whether keiryo's two-stage fine-tuning gets more from pretrained weights than the usual way.

    .venv/bin/python benchmarks/fine_tuning.py FLOWERS --sources dandelion,rose,tulip \
        --targets daisy,sunflower

A network is trained on the classes `--sources`. From its weights, each side learns to tell the
classes `--targets` apart, with a few images of each, for the same processor time on one thread, at
the same size, and is judged on the same held-out images after its last step. The sides:

- keiryo from random weights;
- keiryo with `--pretrained` (two stages, its recipe);
- the two stages of Keras's guide "Transfer learning and fine-tuning", written in PyTorch: the
  classifier by Adam at 1e-3 on frozen features for half of the time, then everything by Adam at
  1e-5; batches of 32, random horizontal flips, batch norm in inference mode throughout.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from keiryo.data.packs.pack import open_pack
from keiryo.models.saved import load_model, normalize
from keiryo.models.spec import build, parse_spec
from keiryo.models.weights.matching import fit_weights, load_fitted
from keiryo.models.weights.weight_file import read_weights

HEAD_RATE, ALL_RATE = 1e-3, 1e-5  # of Keras's guide
BATCH = 32
MOST_HELD_OUT = 200  # of a class


def main() -> None:
    """Train on the source classes, fine-tune each side with each seed, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="a folder of images for each class")
    parser.add_argument("--sources", default="dandelion,rose,tulip")
    parser.add_argument("--targets", default="daisy,sunflower")
    parser.add_argument("--model", default="mobilenet_v2:width=0.5")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--images", type=int, default=40, help="training images of a target class")
    parser.add_argument("--source-minutes", type=float, default=10.0)
    parser.add_argument("--minutes", type=float, default=1.0, help="of each fine-tuning")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        source = link_classes(options, options.sources.split(","), work / "source", most=None)
        target = link_classes(
            options, options.targets.split(","), work / "target", most=options.images
        )
        first = train(options, source, work / "first", options.source_minutes, seed=0)
        weights = work / "first" / first["folder"] / "model.safetensors"
        print(f"source classes: {first['val_accuracy']:.1%} held out")
        sides: dict[str, list[float]] = {}
        for seed in range(options.seeds):
            scratch = train(options, target, work / f"scratch{seed}", options.minutes, seed=seed)
            tuned = train(
                options, target, work / f"tuned{seed}", options.minutes, seed=seed, weights=weights
            )
            accuracy = fine_tune_as_the_guide(options, weights, work / f"tuned{seed}/pack", seed)
            for side, found in (
                ("keiryo, random weights", scratch["val_accuracy"]),
                ("keiryo, --pretrained", tuned["val_accuracy"]),
                ("Keras's guide, same weights", accuracy),
            ):
                sides.setdefault(side, []).append(found)
    print("| side | held out, mean | each seed |")
    print("| --- | ---: | --- |")
    for side, accuracies in sides.items():
        each = ", ".join(f"{accuracy:.1%}" for accuracy in accuracies)
        print(f"| {side} | {statistics.mean(accuracies):.1%} | {each} |")


def link_classes(
    options: argparse.Namespace, classes: list[str], folder: Path, *, most: int | None
) -> Path:
    """Make `folder` of links to the images of `classes`; with `most`, split into train and val."""
    for name in classes:
        files = sorted(path for path in (options.folder / name).iterdir() if path.is_file())
        for number, file in enumerate(files[: None if most is None else most + MOST_HELD_OUT]):
            part = "" if most is None else "train" if number < most else "val"
            place = folder / part / name
            place.mkdir(parents=True, exist_ok=True)
            (place / file.name).symlink_to(file.resolve())
    return folder


def train(
    options: argparse.Namespace,
    data: Path,
    out: Path,
    minutes: float,
    *,
    seed: int,
    weights: Path | None = None,
) -> dict[str, Any]:
    """Run `keiryo train` by processor time, and return the trial's record."""
    command = [sys.executable, "-m", "keiryo", "train", options.model, str(data), "--json"]
    command += ["--size", str(options.size), "--batch", str(BATCH), "--seed", str(seed)]
    command += ["--minutes", str(minutes), "--budget", "processor", "--threads", "1"]
    command += ["--wait-for-quiet", "0", "--out", str(out)]
    command += [] if weights is None else ["--pretrained", str(weights)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    return json.loads(ended.stdout)["trials"][0]


def fine_tune_as_the_guide(
    options: argparse.Namespace, file: Path, pack_folder: Path, seed: int
) -> float:
    """Return the held-out accuracy after the guide's two stages on the images of the pack."""
    pack = open_pack(pack_folder)
    _, description = load_model(file)
    decoded = np.stack([pack.images[row] for row in range(len(pack.labels))])
    images = normalize(torch.from_numpy(decoded).permute(0, 3, 1, 2), description.preprocessing)
    labels = torch.from_numpy(pack.labels).long()
    in_train = torch.tensor([image.split == "train" for image in pack.survey.images])
    torch.manual_seed(seed)
    classes = len(pack.survey.classes)
    network = build(options.model, classes=classes)
    spec = parse_spec(options.model)
    load_fitted(network, fit_weights(read_weights(file), spec, network, classes=classes))
    network.eval()
    head = network.get_submodule("classifier")
    train_images, train_labels = images[in_train], labels[in_train]
    half = options.minutes * 60 / 2
    network.requires_grad_(False)
    head.requires_grad_(True)
    run_stage(network, train_images, train_labels, HEAD_RATE, half)
    network.requires_grad_(True)
    run_stage(network, train_images, train_labels, ALL_RATE, half)
    with torch.inference_mode():
        found = torch.cat([network(part).argmax(1) for part in images[~in_train].split(BATCH)])
    return float((found == labels[~in_train]).float().mean())


def run_stage(
    network: nn.Module, images: Tensor, labels: Tensor, rate: float, seconds: float
) -> None:
    """Train the parameters that need gradients for `seconds` of processor time."""
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=rate)
    end = time.process_time() + seconds
    while True:
        for rows in torch.randperm(len(labels)).split(BATCH):
            if time.process_time() >= end:
                return
            batch = images[rows]
            flipped = torch.rand(len(rows)) < 0.5
            batch[flipped] = batch[flipped].flip(3)
            loss = nn.functional.cross_entropy(network(batch), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


if __name__ == "__main__":
    main()
