"""The export of a trial's network, which must answer as the network does."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from keiryo.comparison.exporting.compared_images import ComparedImages, compared_images
from keiryo.errors import InputError
from keiryo.export.agreement import TOLERANCE, measure_agreement
from keiryo.export.deployed import ImageClassifier
from keiryo.export.targets import Target, find_target
from keiryo.files import replace_file
from keiryo.models.saved import SavedModel, channels_last, find_model_file, load_model
from keiryo.records.export import Agreement, ExportedModel

MAX_DROP = 0.005  # half a point


def export_model(
    artifact: Path,
    out: Path | None,
    *,
    to: str,
    max_drop: float = MAX_DROP,
    allow: bool = False,
    force: bool = False,
    threads: int = 1,
    say: Callable[[str], None] = lambda message: None,
) -> ExportedModel:
    """Write a trained network for another runtime: a trial's, a comparison's, or a model file's.

    The file goes into the folder `out`; None: that of the network. It is written only if it answers
    as the trained network does on the held-out images, read anew from the data, or with `allow`. A
    rounded one may lose `max_drop` of the accuracy, as a share. Raises InputError if there is no
    trained network, if a file is in the way and not `force`, or if the network cannot be exported.
    """
    target = find_target(to)
    file = find_model_file(artifact)
    network, description = load_model(file)
    path = (out or file.parent) / target.file_name
    if path.exists() and not force:
        raise InputError(f"{path}: exists; replace it with --force, or give another --out")
    torch.set_num_threads(threads)
    images = compared_images(file.parent, description)
    say(f"Exporting {description.model} and comparing answers on {images.count:,} images ...")

    def read_calibration() -> np.ndarray:
        if images.read_calibration is None:
            raise InputError(
                f"--to {to}: calibrates on training images; give the folder of a trial in its "
                "comparison, OUT/trials/NAME"
            )
        return images.read_calibration()

    judge = _Judge(network, description, images, target, threads)
    encoded, agreement = b"", None
    for attempt, encoded in enumerate(target.encodings(network, description, read_calibration)):
        if attempt:
            say(f"Too far from the trained network; attempt {attempt + 1} ...")
        agreement = judge.measure(encoded)
        if target.holds(agreement, max_drop):
            break
    assert agreement is not None
    holds = target.holds(agreement, max_drop)
    if not holds and not allow:
        raise InputError(
            f"{artifact}: not written, since the exported model answers differently: "
            f"{1 - agreement.equal_labels:.1%} of {agreement.images:,} images get another class, "
            f"and a probability differs by up to {agreement.largest_difference:.2g}; --allow "
            "writes it all the same"
        )
    with replace_file(path) as temporary:
        temporary.write_bytes(encoded)
    return ExportedModel(
        path=str(path),
        target=to,
        model=description.model,
        classes=description.classes,
        size_bytes=len(encoded),
        agreement=agreement,
        holds=holds,
        max_drop=max_drop,
    )


@dataclass
class _Judge:
    """The trained network, and the images to compare encodings of it on."""

    network: nn.Module
    description: SavedModel
    images: ComparedImages
    target: Target
    threads: int

    def __post_init__(self) -> None:
        self._expected = self.images.expected
        self._is_recorded = self._expected is not None

    def measure(self, encoded: bytes) -> Agreement:
        """Return the agreement of this encoding."""
        agreement = self._measure(encoded)
        too_far = agreement.largest_difference > TOLERANCE and not self.target.is_rounded
        if too_far and self._is_recorded:
            # A GPU that the network was trained on may compute in another precision.
            self._expected, self._is_recorded = None, False
            agreement = self._measure(encoded)
        if self.target.is_rounded and self.images.labels is not None:
            agreement.exact_accuracy = self._measure(encoded, exact=True).accuracy
        return agreement

    def _measure(self, encoded: bytes, **options: bool) -> Agreement:
        if self._expected is None:
            self._expected = self._run_network()
        return measure_agreement(
            self.target.open(encoded, threads=self.threads, **options),
            self.images.batches(),
            self._expected,
            self.images.labels,
            images_from=self.images.images_from,
        )

    def _run_network(self) -> np.ndarray:
        classifier = ImageClassifier(self.network, self.description.preprocessing)
        classifier = channels_last(classifier).eval()
        with torch.inference_mode():
            return np.concatenate(
                [classifier(torch.from_numpy(batch)).numpy() for batch in self.images.batches()]
            )
