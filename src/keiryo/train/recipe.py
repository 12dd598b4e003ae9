"""The training recipes, with every figure in one place."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import nn

from keiryo.data.augmentation.amounts import Augmentation
from keiryo.models.vgg import VGG
from keiryo.nn.residual import zero_residual_scales
from keiryo.records.training import Precision
from keiryo.train.keras_defaults import make_as_keras
from keiryo.train.optimizer.muon import Muon, is_made_orthogonal
from keiryo.train.optimizer.without_compiler import leave_compiler_out

SIZE_STEP = 32
NORM_LAYERS = (
    nn.modules.batchnorm._NormBase,  # batch and instance norm of every dimension
    nn.GroupNorm,
    nn.LayerNorm,
)


@dataclass(frozen=True)
class Recipe:
    """Optimiser, schedule, loss and augmentation.

    `learning_rate` is for networks with normalisation, `learning_rate_without_norm`
    for those without, which a large step destroys. `warmup` is the share of
    the training over which the learning rate rises from zero. `average_epochs`: over how
    many epochs the weights are averaged, 0: they are not. `smallest_size`: the share of
    the images' side that the training begins with; by `grown_by`, a share of the
    training, it has grown to `largest_size` (progressive resizing). That is less than all
    of it where crops show things larger than whole images do, by as much: the network is
    to see them as large as it will later (Touvron et al. 2019, "Fixing the train-test
    resolution discrepancy"). `epsilon` is Adam's;
    `as_keras` sets the network up as Keras does (`keiryo.train.keras_defaults`),
    `zero_residual_scales` lets inverted residuals begin as their shortcuts. `precision` is
    that of the training (`keiryo.train.precision`).
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


# Adam at its defaults, nothing else.
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
    # The original experiment to the letter: Keras 2.7's defaults as well.
    "reported": replace(PLAIN, name="reported", epsilon=1e-7, as_keras=True, precision="float32"),
    "keiryo": KEIRYO,
    # For so many epochs that a network would otherwise overfit.
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
    """Prepare the random weights of `network` as the recipe says, in place."""
    if recipe.as_keras:
        make_as_keras(network)
    if recipe.zero_residual_scales:
        zero_residual_scales(network)


def make_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over the parameters of `network`.

    Weight decay acts on weights of matrices and convolutions only, not on biases,
    nor on the scales and shifts of norms.
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
            # Not the last, the classifier.
            matrices = [p for p in decayed[:-1] if is_made_orthogonal(p)]
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
    """Return the recipe's learning rate for a network with, or without, normalisation.

    VGG counts as without, whatever norm its convolutions have.
    """
    # Its three fully connected layers have none, and the first has 25,088 inputs: at the higher
    # rate they blow up, where smaller ones of other networks do not (docs/recipe.md).
    has_norm = not isinstance(network, VGG) and any(
        isinstance(layer, NORM_LAYERS) for layer in network.modules()
    )
    return recipe.learning_rate if has_norm else recipe.learning_rate_without_norm


def learning_rate_factor(recipe: Recipe, progress: float) -> float:
    """Return what the peak learning rate is multiplied by at `progress`, from 0 to 1.

    Linear warm-up, then constant or a half cosine to zero (Loshchilov & Hutter 2017,
    "SGDR", equation 5 without restarts).
    """
    if progress < recipe.warmup:
        return progress / recipe.warmup
    if recipe.schedule == "constant":
        return 1.0
    remaining = (progress - recipe.warmup) / (1.0 - recipe.warmup)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, remaining)))


def training_size(recipe: Recipe, full_size: int, progress: float) -> int:
    """Return the side in pixels that images are trained at, at `progress` from 0 to 1.

    In whole multiples of what networks halve an image by in all, 32.
    """
    grown = 1.0 if progress >= recipe.grown_by else progress / recipe.grown_by
    share = recipe.smallest_size + (recipe.largest_size - recipe.smallest_size) * grown
    return _in_steps(share * full_size, full_size)


def evaluation_size(recipe: Recipe, full_size: int, progress: float) -> int:
    """Return the side of images that suits what has been trained at until `progress`."""
    if progress >= recipe.grown_by:
        return full_size
    return _in_steps(training_size(recipe, full_size, progress) / recipe.largest_size, full_size)


def _in_steps(size: float, full_size: int) -> int:
    if size >= full_size:
        return full_size
    return min(full_size, max(SIZE_STEP, SIZE_STEP * round(size / SIZE_STEP)))
