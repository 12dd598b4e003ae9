"""`digits`: 1,797 handwritten digits of 8 x 8 pixels, which come with scikit-learn."""

import cv2
import numpy as np

from keiryo.data.sources import Item, Reading, pixel_digest

LARGEST_VALUE = 16


class Digits:
    """The test set of the UCI "Optical Recognition of Handwritten Digits" (Alpaydin & Kaynak 1998)."""

    name = "digits"
    classes = tuple("0123456789")
    findings = ()

    def __init__(self) -> None:
        from sklearn.datasets import load_digits

        bunch = load_digits()
        self._images = (bunch.images * (255 / LARGEST_VALUE)).astype(np.uint8)
        self.items = [
            Item(f"{label}/{index:04d}", int(label)) for index, label in enumerate(bunch.target)
        ]

    def fingerprint(self) -> str:
        return f"digits-1:{pixel_digest(self._images)}"

    def read(self, index: int, size: int) -> Reading:
        image = self._images[index]
        gray = cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC)
        return Reading(cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB), pixel_digest(image))
