"""The training recipes, with all their figures."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import nn

from keiryo.data.augmentation.amounts import Augmentation
from keiryo.models.families.vgg import VGG
from keiryo.nn.blocks.inverted_residual import zero_residual_scales
from keiryo.records.training import Precision
from keiryo.train.keras_defaults import set_up_as_keras
from keiryo.train.optimizer.muon import Muon, suits_muon
from keiryo.train.optimizer.without_compiler import leave_compiler_out

SIZE_STEP = 32
NORM_LAYERS = (
    nn.modules.batchnorm._NormBase,  # batch and instance norm of every dimension
    nn.GroupNorm,
    nn.LayerNorm,
)


@dataclass(frozen=True)
class Recipe:
    """The optimiser, schedule, loss and augmentation of a training. Shares are from 0 to 1.

    `learning_rate` is for networks with normalisation, `learning_rate_without_norm` for those
    without, which large steps destroy. `warmup` is the share of the training over which the
    learning rate rises from zero. `average_epochs` is the number of epochs over which the weights
    are averaged; 0 means no averaging. `epsilon` is Adam's. `as_keras` sets up the network as
    Keras does (`keiryo.train.keras_defaults`). `zero_residual_scales` makes inverted residuals
    begin as their shortcuts. `precision` is the training's (`keiryo.train.precision`).

    Progressive resizing: the side of the images begins at the share `smallest_size` of the full
    side and grows to `largest_size` by the share `grown_by` of the training. Crops enlarge things;
    a `largest_size` below 1 makes them as large as in the whole images of inference (Touvron et
    al. 2019, "Fixing the train-test resolution discrepancy").
    """

    name: str
    optimizer: Literal["adam", "adamw", "muon", "sgd"]
    learning_rate: float
    learning_rate_without_norm: float
    weight_decay: float
    warmup: float
    schedule: Literal["constant", "cosine"]
    label_smoothing: float
    largest_gradient_norm: float | None
    augmentation: Augmentation
    epsilon: float = 1e-8
    as_keras: bool = False
    zero_residual_scales: bool = False
    average_epochs: float = 0.0
    smallest_size: float = 1.0
    largest_size: float = 1.0
    grown_by: float = 0.0
    precision: Precision = "auto"


# Adam with its defaults, and nothing else.
PLAIN = Recipe(
    name="plain",
    optimizer="adam",
    learning_rate=1e-3,
    learning_rate_without_norm=1e-3,
    weight_decay=0.0,
    warmup=0.0,
    schedule="constant",
    label_smoothing=0.0,
    largest_gradient_norm=None,
    augmentation=Augmentation(),
)

KEIRYO = Recipe(
    name="keiryo",
    optimizer="muon",
    learning_rate=6e-3,
    learning_rate_without_norm=1e-4,
    weight_decay=0.05,
    warmup=0.1,
    schedule="cosine",
    label_smoothing=0.1,
    largest_gradient_norm=1.0,
    augmentation=Augmentation(
        smallest_area=0.7,
        largest_aspect=4 / 3,
        flip=True,
        brightness=0.2,
        contrast=0.2,
        saturation=0.2,
    ),
    zero_residual_scales=True,
    average_epochs=2.0,
    smallest_size=0.5,
    grown_by=0.5,
)

RECIPES = {
    "plain": PLAIN,
    # The original experiment, with the defaults of Keras 2.7.
    "reported": replace(PLAIN, name="reported", epsilon=1e-7, as_keras=True, precision="float32"),
    "keiryo": KEIRYO,
    # For trainings so long that the network would overfit with less augmentation.
    "long": replace(
        KEIRYO,
        name="long",
        augmentation=replace(
            KEIRYO.augmentation,
            smallest_area=0.25,
            rotation=20.0,
            hue=10.0,
            random_operations=2,
            magnitude=0.4,
        ),
        average_epochs=3.0,
        largest_size=0.75,
    ),
}


def prepare_network(network: nn.Module, recipe: Recipe) -> None:
    """Change the random initialisation of `network` as the recipe says, in place."""
    if recipe.as_keras:
        set_up_as_keras(network)
    if recipe.zero_residual_scales:
        zero_residual_scales(network)


def make_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over the parameters of `network`.

    Weight decay acts on the weights of matrices and convolutions, not on biases or on the scales
    and shifts of norms.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    decayed = [p for p in parameters if p.ndim > 1]
    others = {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0}
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, others]
    learning_rate = peak_learning_rate(network, recipe)
    leave_compiler_out()
    match recipe.optimizer:
        case "adam":
            return torch.optim.Adam(groups, lr=learning_rate, eps=recipe.epsilon, fused=True)
        case "adamw":
            return torch.optim.AdamW(groups, lr=learning_rate, eps=recipe.epsilon, fused=True)
        case "muon":
            # The last one is the classifier's, which AdamW trains.
            matrices = [p for p in decayed[:-1] if suits_muon(p)]
            chosen = set(map(id, matrices))
            left = [p for p in decayed if id(p) not in chosen]
            groups = [
                {"params": matrices, "weight_decay": recipe.weight_decay, "orthogonal": True},
                {"params": left, "weight_decay": recipe.weight_decay},
                others,
            ]
            return Muon(groups, lr=learning_rate, eps=recipe.epsilon)
        case "sgd":
            return torch.optim.SGD(
                groups, lr=learning_rate, momentum=0.9, nesterov=True, fused=True
            )


def peak_learning_rate(network: nn.Module, recipe: Recipe) -> float:
    """Return the recipe's peak learning rate for a network with or without normalisation.

    VGG counts as a network without, even if its convolutions have a norm.
    """
    # VGG's three fully connected layers have no norm, and the first has 25,088 inputs: they
    # diverge at the higher rate, while smaller ones of other networks do not (docs/recipe.md).
    has_norm = not isinstance(network, VGG) and any(
        isinstance(layer, NORM_LAYERS) for layer in network.modules()
    )
    return recipe.learning_rate if has_norm else recipe.learning_rate_without_norm


def learning_rate_factor(recipe: Recipe, progress: float) -> float:
    """Return the factor of the peak learning rate at `progress`, from 0 to 1.

    A linear warm-up is followed by a constant, or by half a cosine that ends at zero (Loshchilov
    & Hutter 2017, "SGDR", equation 5 without restarts).
    """
    if progress < recipe.warmup:
        return progress / recipe.warmup
    if recipe.schedule == "constant":
        return 1.0
    remaining = (progress - recipe.warmup) / (1.0 - recipe.warmup)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, remaining)))


def training_size(recipe: Recipe, full_size: int, progress: float) -> int:
    """Return the side, in pixels, of the training images at `progress`, from 0 to 1.

    It is `full_size` or a multiple of 32, the factor by which networks reduce an image.
    """
    grown = 1.0 if progress >= recipe.grown_by else progress / recipe.grown_by
    share = recipe.smallest_size + (recipe.largest_size - recipe.smallest_size) * grown
    return _round_size(share * full_size, full_size)


def evaluation_size(recipe: Recipe, full_size: int, progress: float) -> int:
    """Return the side, in pixels, of the evaluation images that suit training at `progress`."""
    if progress >= recipe.grown_by:
        return full_size
    return _round_size(training_size(recipe, full_size, progress) / recipe.largest_size, full_size)


def _round_size(size: float, full_size: int) -> int:
    if size >= full_size:
        return full_size
    return min(full_size, max(SIZE_STEP, SIZE_STEP * round(size / SIZE_STEP)))
