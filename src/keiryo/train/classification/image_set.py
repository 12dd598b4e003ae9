"""The images of a training, and the batches made of them."""

from dataclasses import dataclass

import numpy as np
import torch

from keiryo.data.batches.batches import BatchSampler, TrainingBatches
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
    image_set: ImageSet, sampler: BatchSampler, device: torch.device
) -> TrainingBatches | DeviceBatches:
    """Return the batches of `sampler`, augmented on the device that slows the training least."""
    images, labels = image_set.images, image_set.labels
    if device.type == "cuda":
        free_bytes, _ = torch.cuda.mem_get_info(device)
        return DeviceBatches(images, labels, sampler, device=device, free_bytes=free_bytes)
    # A training on the processor keeps its cores busy itself.
    workers = 1 if device.type == "cpu" else torch.get_num_threads()
    return TrainingBatches(images, labels, sampler, workers=workers)
