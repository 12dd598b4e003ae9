"""The images of a training, and the batches that are made of them."""

from dataclasses import dataclass

import numpy as np
import torch

from keiryo.data.augmentation.amounts import Augmentation
from keiryo.data.batches.batches import TrainingBatches
from keiryo.data.batches.device_batches import DeviceBatches
from keiryo.data.packs.images import ImageRows
from keiryo.models.saved import Preprocessing


@dataclass(frozen=True)
class ImageSet:
    """The images to train and measure on: rows of one array, and how they are prepared."""

    images: ImageRows
    labels: np.ndarray
    train: np.ndarray
    val: np.ndarray
    preprocessing: Preprocessing


def training_batches(
    image_set: ImageSet,
    *,
    batch: int,
    seed: int,
    augmentation: Augmentation,
    device: torch.device,
) -> TrainingBatches | DeviceBatches:
    """Return the training batches, varied where that does not slow the training down."""
    if device.type == "cuda":
        free_bytes, _ = torch.cuda.mem_get_info(device)
        return DeviceBatches(
            image_set.images,
            image_set.labels,
            image_set.train,
            batch=batch,
            seed=seed,
            augmentation=augmentation,
            device=device,
            free_bytes=free_bytes,
        )
    return TrainingBatches(
        image_set.images,
        image_set.labels,
        image_set.train,
        batch=batch,
        seed=seed,
        augmentation=augmentation,
        # A training on the processor keeps its cores busy itself.
        workers=1 if device.type == "cpu" else torch.get_num_threads(),
    )
