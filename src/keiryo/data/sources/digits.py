"""The built-in set `digits`: 1,797 handwritten digits of 8 x 8 pixels from scikit-learn."""

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from keiryo.data.image.facts import facts_of_pixels, pixel_digest
from keiryo.data.items import Item
from keiryo.data.sources.set_options import read_set_options
from keiryo.data.sources.source import FittedImage, Source
from keiryo.records.data import Fit

FILE = "datasets/data/digits.csv.gz"  # below the package's folder
SIDE = 8
LARGEST_VALUE = 16
PIXEL_MAXIMUM = 255


class Digits(Source):
    """Test set of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin & Kaynak 1998)."""

    def __init__(self) -> None:
        rows = _read_rows()
        images = rows[:, :-1].reshape(-1, SIDE, SIDE) * (PIXEL_MAXIMUM / LARGEST_VALUE)
        self._images = images.astype(np.uint8)
        labels = rows[:, -1].astype(int).tolist()
        items = [Item(f"{label}/{index:04d}", label) for index, label in enumerate(labels)]
        super().__init__("digits", "0123456789", items)

    def fingerprint(self) -> str:
        return f"digits-1:{pixel_digest(self._images)}"

    def read(self, index: int, size: int, fit: Fit) -> FittedImage:
        image = cv2.cvtColor(self._images[index], cv2.COLOR_GRAY2RGB)
        pixels = cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC)
        return FittedImage(pixels, facts_of_pixels(image))


def _read_rows() -> np.ndarray:
    """Return the rows of scikit-learn's file, (images, 65): 64 pixels and the label."""
    # The file is read as `sklearn.datasets.load_digits` does, which takes 2 s to import.
    package = find_spec("sklearn")
    if package is not None and package.origin is not None:
        file = Path(package.origin).parent / FILE
        if file.exists():
            return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits

    data, target = load_digits(return_X_y=True)
    return np.column_stack((data, target))


def open_digits(data: str) -> Digits:
    """Return the set; raise InputError if `data` gives an option, since it has none."""
    read_set_options(data, {})
    return Digits()
