"""The amounts of augmentation."""

import math
from dataclasses import asdict, dataclass, replace

from keiryo.errors import InputError

NO_AUGMENTATION = "none"
# The least and the largest value of each amount.
LIMITS: dict[str, tuple[float, float]] = {
    "smallest_area": (0.01, 1.0),
    "largest_aspect": (1.0, 10.0),
    "flip": (0, 1),
    "brightness": (0.0, 1.0),
    "contrast": (0.0, 1.0),
    "saturation": (0.0, 1.0),
    "hue": (0.0, 180.0),
    "rotation": (0.0, 180.0),
    "cutout": (0.0, 1.0),
    "mixup": (0.0, 100.0),
    "cutmix": (0.0, 100.0),
    "random_operations": (0, 10),
    "magnitude": (0.0, 1.0),
}


@dataclass(frozen=True)
class Augmentation:
    """Amounts of augmentation; the defaults change nothing.

    - `smallest_area`, `largest_aspect`: the crop of Inception (Szegedy et al. 2014,
      section 6), with an area of `smallest_area` to 1 of the image and an aspect
      ratio of up to `largest_aspect` either way, in whole pixels.
    - `flip`: true mirrors a random half of the images left to right.
    - `brightness`, `contrast`, `saturation`: the factor is drawn from 1 - amount to 1 + amount.
    - `hue`: largest rotation of the hue either way, in degrees.
    - `rotation`: largest rotation of the image either way, in degrees.
    - `cutout`: side of the blank square, as a share of the image's side
      (DeVries & Taylor 2017).
    - `mixup`: alpha of the beta distribution from which the share of a second image is drawn
      (Zhang et al. 2018).
    - `cutmix`: alpha of the beta distribution from which the pasted area of a second image is
      drawn (Yun et al. 2019). With `mixup` too, each image takes one of the two.
    - `random_operations`, `magnitude`: number of operations drawn for each image, and their
      strength from 0 to 1 (Cubuk et al. 2020, "RandAugment").
    """

    smallest_area: float = 1.0
    largest_aspect: float = 1.0
    flip: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    rotation: float = 0.0
    cutout: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    random_operations: int = 0
    magnitude: float = 0.0

    def changes_anything(self) -> bool:
        return self != Augmentation()


def change_augmentation(base: Augmentation, changes: str) -> Augmentation:
    """Return `base` with `changes`, such as `rotation=15,flip=0`; `none` for no augmentation.

    Raises InputError for an unknown name or a value outside `LIMITS`.
    """
    if changes == NO_AUGMENTATION:
        return Augmentation()
    given: dict[str, float | int | bool] = {}
    kinds = {name: type(value) for name, value in asdict(Augmentation()).items()}
    for part in changes.split(","):
        key, _, text = part.partition("=")
        if key not in kinds:
            raise InputError(
                f"--augment {part}: give {NO_AUGMENTATION} or any of {', '.join(kinds)}"
            )
        least, most = LIMITS[key]
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most or (kinds[key] is not float and value != int(value)):
            raise InputError(f"--augment {part}: {key} is a number from {least:g} to {most:g}")
        given[key] = kinds[key](value)
    return replace(base, **given)
