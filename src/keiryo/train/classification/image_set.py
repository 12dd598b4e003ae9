"""The images of a training, and the batches made of them."""

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
    """The images to train and evaluate on: rows of one array, and their preprocessing."""

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
    """Return the training batches, augmented on the device that slows the training least."""
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
