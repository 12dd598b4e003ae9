"""The evaluation of a network on images, in inference mode, during and after its training."""

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
    """A network with the images to evaluate it on, in batches.

    It runs in float32, as trained networks are run later, or within `context`.
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
        """Return loss and accuracy on the images `rows`, scaled to `size` pixels if given."""
        sums = self._sums(rows, None, size)
        return Score(sums.mean_loss, sums.accuracy)

    def accuracy(self, rows: np.ndarray, *, change: Change | None = None) -> float:
        """Return the accuracy on the images `rows`, each batch changed by `change` if given."""
        return self._sums(rows, change, None).accuracy

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """Return the probabilities (N, classes) of the images `rows`."""
        return np.concatenate(
            [logits.softmax(1).cpu().numpy() for logits, _ in self._infer(rows, None, None)]
        )

    def accuracy_by_batch_statistics(self, rows: np.ndarray) -> float | None:
        """Return the accuracy on `rows` if batch norm uses each batch's own statistics.

        All other layers are in inference mode. None: the network has no batch norm, or there are
        too few images for a batch of several.
        """
        norms = [m for m in self._network.modules() if isinstance(m, _BatchNorm)]
        # In random order: rows are sorted by class, and the statistics of a single class differ.
        rows = np.random.default_rng(0).permutation(rows)
        rows = rows[: max(1, len(rows) // self._batch) * self._batch]
        if not norms or min(len(rows), self._batch) < FEWEST_FOR_STATISTICS:
            return None
        kept = [(norm.running_mean, norm.running_var) for norm in norms]
        for norm in norms:
            # Without running statistics, batch norm uses the batch's own in inference mode too.
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
    """Return the inputs of a batch, (N, C, H, W), normalised, in channels_last.

    They are scaled to `size` x `size` if it is given.
    """
    # A view of (N, H, W, C) as (N, C, H, W) is in channels_last.
    images = batch.images.permute(0, 3, 1, 2)
    if size is not None and size != images.shape[-1]:
        if images.device.type != "cpu":
            images = images.float()  # bytes scale on the processor alone, five times as fast
        images = functional.interpolate(images, size=(size, size), mode="bilinear", antialias=True)
    return normalize(images, image_set.preprocessing)


def takes_size(network: nn.Module, size: int, device: torch.device) -> bool:
    """Return whether `network` takes images of `size` x `size`; some take only one size."""
    network.eval()
    try:
        with torch.inference_mode():
            network(torch.zeros(1, 3, size, size, device=device))
    except Exception:  # a user's own network may raise anything
        return False
    return True
