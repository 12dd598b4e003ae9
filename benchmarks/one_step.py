"""Accuracy as keiryo trains, and with PyTorch's plain modules in float32, over seeds.

    keiryo data pack FOLDER --size 64 --out flowers-64
    .venv/bin/python benchmarks/one_step.py flowers-64

Norm and activation run as one step, in float32 and in bfloat16, or as the plain modules. All
train the same network by keiryo's recipe for the same number of epochs, from the same random
weights, on the same batches. Sums are rounded otherwise, so that after some steps any two are
as far apart as two trainings ever are; what is asked is whether one is better.
"""

import argparse
import statistics
from dataclasses import replace
from pathlib import Path

import torch

from keiryo.data.packs.channel_statistics import channel_statistics
from keiryo.data.packs.pack import Pack, open_pack
from keiryo.data.survey.split import split_images
from keiryo.models.saved import Preprocessing
from keiryo.nn import norm_activation
from keiryo.train.classification.image_set import ImageSet
from keiryo.train.recipe import RECIPES
from one_training import train


def main() -> None:
    """Train all forms for each seed, in turn, and print what they reach."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pack", type=Path)
    parser.add_argument("--models", default="mobilenet_v2:width=0.5,resnet18")
    parser.add_argument("--forms", default="one step,bfloat16,plain")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    pack = open_pack(options.pack)
    print("| model | form | held-out accuracy of each seed | mean |")
    print("| --- | --- | --- | --- |")
    for model in options.models.split(","):
        reached: dict[str, list[float]] = {form: [] for form in options.forms.split(",")}
        for seed in range(options.seeds):
            for form, accuracies in reached.items():
                accuracies.append(accuracy(pack, model, seed, form, options))
        for form, accuracies in reached.items():
            each = ", ".join(f"{one:.1%}" for one in accuracies)
            print(f"| {model} | {form} | {each} | {statistics.mean(accuracies):.1%} |", flush=True)


def accuracy(pack: Pack, model: str, seed: int, form: str, options: argparse.Namespace) -> float:
    """Train once and return the accuracy on held-out images."""
    # The one place where the form is chosen.
    norm_activation.has_kernels = (lambda: False) if form == "plain" else HAS_KERNELS
    splits = split_images(pack.survey, seed=0, fold=0)
    mean, std = channel_statistics(pack.images, splits.train)
    preprocessing = Preprocessing(size=pack.header.size, fit=pack.header.fit, mean=mean, std=std)
    precision = "bfloat16" if form == "bfloat16" else "float32"
    recipe = replace(RECIPES["keiryo"], precision=precision)
    image_set = ImageSet(pack.images, pack.labels, splits.train, splits.val, preprocessing)
    training = train(
        model, image_set, recipe, batch=options.batch, epochs=options.epochs, seed=seed
    )
    reached = training.position.history[-1].val_accuracy
    assert reached is not None
    return reached


HAS_KERNELS = norm_activation.has_kernels

if __name__ == "__main__":
    main()
