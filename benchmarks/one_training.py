"""One training by keiryo's own loop."""

import torch

from keiryo.models.spec import build
from keiryo.train.budget import Budget
from keiryo.train.classification.image_set import ImageSet
from keiryo.train.classification.task import ImageTask
from keiryo.train.listener import TrainingListener
from keiryo.train.loop import Training
from keiryo.train.recipe import Recipe, prepare_network


def train(
    model: str,
    image_set: ImageSet,
    recipe: Recipe,
    *,
    batch: int,
    epochs: int = 1,
    seed: int = 0,
    listener: TrainingListener | None = None,
) -> Training:
    """Train `model` on the processor, from random weights, and return the training."""
    torch.manual_seed(seed)
    network = build(model, classes=int(image_set.labels.max()) + 1)
    prepare_network(network, recipe)
    device = torch.device("cpu")
    task = ImageTask(network, image_set, recipe=recipe, batch=batch, seed=seed, device=device)
    training = Training(task, budget=Budget(epochs=epochs))
    training.run(listener or TrainingListener())
    return training
