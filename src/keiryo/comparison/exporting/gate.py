"""The exported model's answers on the held-out images, beside those of the trained network."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from keiryo.comparison.exporting.compared_images import ComparedImages
from keiryo.export.agreement import TOLERANCE, measure_agreement
from keiryo.export.deployed import ImageClassifier
from keiryo.export.targets import Target
from keiryo.files import shown
from keiryo.models.saved import SavedModel, channels_last
from keiryo.records.export import Agreement
from keiryo_runtime import Predictor, UnreadableImageError
from keiryo_runtime.engines import Run


@dataclass
class Gate:
    """The trained network, and the images to compare exports of it on.

    Images that have files are read by the runtime, so that what is compared is what will run.
    """

    network: nn.Module
    description: SavedModel
    images: ComparedImages
    threads: int

    def __post_init__(self) -> None:
        self._expected = self.images.expected
        self._is_recorded = self._expected is not None

    def measure(self, place: Path, target: Target) -> tuple[Agreement, np.ndarray]:
        """Return the agreement of the export at `place`, and its probabilities.

        `place` is a file or a folder, which `keiryo_runtime` runs.
        """
        predictor = Predictor(place, threads=self.threads)
        answers = _Answers(self.images, predictor, compares_pixels=not target.is_rounded)
        exact = None
        if target.run_exactly is not None and self.images.labels is not None:
            exact = target.run_exactly(place.read_bytes(), self.threads)
        answers.collect(exact)
        agreement = self._agreement(answers)
        too_far = agreement.largest_difference > TOLERANCE and not target.is_rounded
        if too_far and self._is_recorded:
            # A GPU that the network was trained on may compute in another precision.
            self._expected, self._is_recorded = None, False
            agreement = self._agreement(answers)
        if answers.exact and self.images.labels is not None:
            guesses = np.concatenate(answers.exact).argmax(1)
            agreement.exact_accuracy = float((guesses == self.images.labels).mean())
        return agreement, np.concatenate(answers.found)

    def _agreement(self, answers: "_Answers") -> Agreement:
        if self._expected is None:
            self._expected = self._run_network()
        agreement = measure_agreement(
            np.concatenate(answers.found),
            self._expected,
            self.images.labels,
            images_from=self.images.images_from,
            on_same_pixels=np.concatenate(answers.on_same_pixels),
        )
        agreement.files = len(self.images.files) - len(answers.unread)
        agreement.unread_files = answers.unread
        agreement.largest_pixel_difference = answers.largest_pixel_difference
        return agreement

    def _run_network(self) -> np.ndarray:
        classifier = ImageClassifier(self.network, self.description.preprocessing)
        classifier = channels_last(classifier).eval()
        with torch.inference_mode():
            return np.concatenate(
                [
                    classifier(torch.from_numpy(self.images.read(part))).numpy()
                    for part in self.images.batches()
                ]
            )


class _Answers:
    """Probabilities of an exported model, batch by batch.

    `found` are for the pixels that the runtime reads, `on_same_pixels` for those of the training,
    and `exact` for the former in exact arithmetic.
    """

    def __init__(
        self, images: ComparedImages, predictor: Predictor, *, compares_pixels: bool
    ) -> None:
        self._images, self._predictor = images, predictor
        self._compares_pixels = compares_pixels
        self.found: list[np.ndarray] = []
        self.on_same_pixels: list[np.ndarray] = []
        self.exact: list[np.ndarray] = []
        self.unread: list[str] = []
        self.largest_pixel_difference = 0 if compares_pixels and images.files else None

    def collect(self, exact: Run | None) -> None:
        """Ask the exported model about all images."""
        for part in self._images.batches():
            pixels = self._read(part)
            found = same = self._predictor.probabilities(pixels)
            if self.largest_pixel_difference is not None:
                trained_pixels = self._images.read(part)
                differences = np.abs(pixels.astype(np.int16) - trained_pixels).max((1, 2, 3))
                largest = int(differences.max())
                self.largest_pixel_difference = max(self.largest_pixel_difference, largest)
                if largest:
                    same = found.copy()
                    other = trained_pixels[differences > 0]
                    same[differences > 0] = self._predictor.probabilities(other)
            self.found.append(found)
            self.on_same_pixels.append(same)
            if exact is not None:
                self.exact.append(exact(pixels))

    def _read(self, part: range) -> np.ndarray:
        if not self._images.files:
            return self._images.read(part)
        squares: list[np.ndarray] = []
        for number in part:
            file = self._images.files[number]
            try:
                squares.append(self._predictor.read(file))
            except UnreadableImageError as error:
                self.unread.append(f"{shown(file)}: {error}")
                squares.append(self._images.read(range(number, number + 1))[0])
        return np.stack(squares)
