"""Evaluating a network on images, in inference mode, while it is trained and after."""

from collections.abc import Iterator
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from keiryo.data.batches.batches import Change, batches_in_order
from keiryo.data.batches.device_batches import DeviceBatch, to_device
from keiryo.models.saved import normalize
from keiryo.train.classification.image_set import ImageSet
from keiryo.train.precision import ForwardContext
from keiryo.train.score import Score, Sums

FEWEST_FOR_STATISTICS = 8


class Evaluation:
    """`network` looking at `images`, so many at a time.

    In float32, as trained networks are run later, or within what `context` makes.
    """

    def __init__(
        self,
        network: nn.Module,
        image_set: ImageSet,
        *,
        batch: int,
        device: torch.device,
        context: ForwardContext = nullcontext,
    ) -> None:
        self._network = network
        self._image_set = image_set
        self._batch = batch
        self._device = device
        self._context = context

    def score(self, rows: np.ndarray, *, size: int | None = None) -> Score:
        """Return loss and accuracy on the images `rows`, scaled to `size` pixels if it is given."""
        sums = self._sums(rows, None, size)
        return Score(sums.mean_loss, sums.accuracy)

    def accuracy(self, rows: np.ndarray, *, change: Change | None = None) -> float:
        """Return the accuracy on the images `rows`, as they are or as `change` makes each batch."""
        return self._sums(rows, change, None).accuracy

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """Return the probabilities (N, classes) of the images `rows`."""
        return np.concatenate(
            [logits.softmax(1).cpu().numpy() for logits, _ in self._infer(rows, None, None)]
        )

    def accuracy_by_batch_statistics(self, rows: np.ndarray) -> float | None:
        """Return the accuracy on `rows` when batch norm takes each batch's own statistics.

        All else is in inference mode. None: the network has no batch norm, or there are
        too few images for a batch of several.
        """
        norms = [m for m in self._network.modules() if isinstance(m, _BatchNorm)]
        # In random order: as they lie they are sorted by class, and so would be their batches.
        rows = np.random.default_rng(0).permutation(rows)
        rows = rows[: max(1, len(rows) // self._batch) * self._batch]
        if not norms or min(len(rows), self._batch) < FEWEST_FOR_STATISTICS:
            return None
        kept = [(norm.running_mean, norm.running_var) for norm in norms]
        for norm in norms:
            # Without any of its own, batch norm takes the batch's in inference mode too.
            norm.running_mean = norm.running_var = None
        try:
            return self.accuracy(rows)
        finally:
            for norm, (mean, variance) in zip(norms, kept, strict=True):
                norm.running_mean, norm.running_var = mean, variance

    def _sums(self, rows: np.ndarray, change: Change | None, size: int | None) -> Sums:
        sums = Sums(self._device)
        for logits, labels in self._infer(rows, change, size):
            correct = (logits.argmax(1) == labels).sum()
            sums.add(functional.cross_entropy(logits, labels), len(labels), correct)
        return sums

    def _infer(
        self, rows: np.ndarray, change: Change | None, size: int | None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield logits (N, classes), float32, and labels (N,) of the images, by batches."""
        network = self._network.eval()
        image_set = self._image_set
        batches = batches_in_order(
            image_set.images, image_set.labels, rows, batch=self._batch, change=change
        )
        with torch.inference_mode():
            for batch in batches:
                on_device = to_device(batch, self._device)
                inputs = make_inputs(on_device, image_set, size)
                with self._context():
                    logits = network(inputs)
                yield logits.float(), on_device.labels


def make_inputs(batch: DeviceBatch, image_set: ImageSet, size: int | None = None) -> Tensor:
    """Return what a network is given of a batch: (N, C, H, W), normalised, in channels_last.

    Scaled to `size` x `size` where it is given.
    """
    # (N, H, W, C) seen as (N, C, H, W) is channels_last as it lies.
    images = batch.images.permute(0, 3, 1, 2)
    if size is not None and size != images.shape[-1]:
        if images.device.type != "cpu":
            images = images.float()  # elsewhere bytes cannot be scaled, here five times as fast
        images = functional.interpolate(images, size=(size, size), mode="bilinear", antialias=True)
    return normalize(images, image_set.preprocessing)


def takes_size(network: nn.Module, size: int, device: torch.device) -> bool:
    """Return whether `network` takes images of `size` x `size`: some take but their own size."""
    network.eval()
    try:
        with torch.inference_mode():
            network(torch.zeros(1, 3, size, size, device=device))
    except Exception:  # a user's own network may raise anything
        return False
    return True
