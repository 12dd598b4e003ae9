"""Mean and standard deviation of the channels, which normalise images."""

import numpy as np

from keiryo.data.packs.images import ImageRows

IMAGES_SAMPLED = 512
SMALLEST_DEVIATION = 1e-3  # prevents division by zero for a set of one flat colour
PIXEL_MAXIMUM = 255.0

Channels = tuple[float, float, float]


def channel_statistics(images: ImageRows, rows: np.ndarray) -> tuple[Channels, Channels]:
    """Return mean and standard deviation of R, G and B over the images `rows`, scaled to [0, 1].

    `images` is (rows, size, size, 3), uint8. At most about a thousand images, evenly spread, are
    used.
    """
    some = rows[:: max(1, len(rows) // IMAGES_SAMPLED)]
    # One image at a time, since each becomes float64.
    sums = np.zeros(3)
    squares = np.zeros(3)
    for row in some:
        pixels = images[row].reshape(-1, 3) / PIXEL_MAXIMUM
        sums += pixels.mean(axis=0)
        squares += (pixels**2).mean(axis=0)
    mean = sums / len(some)
    std = np.sqrt(np.maximum(squares / len(some) - mean**2, SMALLEST_DEVIATION**2))
    return _channels(mean), _channels(std)


def _channels(values: np.ndarray) -> Channels:
    red, green, blue = values.tolist()
    return (red, green, blue)
