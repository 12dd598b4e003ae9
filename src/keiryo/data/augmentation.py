"""How far the pictures of a training may be varied."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Augmentation:
    """How far pictures are varied; the defaults change nothing.

    - `smallest_area`, `largest_aspect`: the crop of Inception (Szegedy et al. 2014,
      section 6), with an area of `smallest_area` to 1 of the picture and an aspect
      ratio of up to `largest_aspect` either way, in whole pixels.
    - `flip`: whether a random half of the pictures is mirrored left to right.
    - `brightness`, `contrast`, `saturation`: each is scaled by 1 +- its figure.
    - `hue`: degrees by which colours are turned, at the most, either way.
    - `rotation`: degrees by which pictures are turned, at the most, either way.
    - `cutout`: side of the square that is blanked out, as a share of the picture's
      (DeVries & Taylor 2017).
    - `mixup`: alpha of the beta distribution by whose draws two pictures are blended
      (Zhang et al. 2018).
    - `cutmix`: alpha of that by which a part of one picture is pasted into another
      (Yun et al. 2019). With `mixup` as well, each picture takes one of the two.
    - `random_operations`, `magnitude`: how many operations are drawn for each picture,
      and how strong they are, from 0 to 1 (Cubuk et al. 2020, "RandAugment").
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
