"""Augmentation of a batch with OpenCV, one image at a time, on any number of threads."""

from collections.abc import Callable
from concurrent.futures import Executor

import cv2
import numpy as np

from keiryo.data.augmentation.affine import MIDDLE_GRAY
from keiryo.data.augmentation.random_amounts import BatchAugmentation, Mixing

# Images that a thread takes at a time, so that the handover costs next to nothing.
IMAGES_AT_ONCE = 8

# It takes an image and the array to write the changed image into.
Stage = Callable[[np.ndarray, np.ndarray], object]


def augment(
    images: np.ndarray, augmentation: BatchAugmentation, *, pool: Executor | None = None
) -> np.ndarray:
    """Return an augmented copy of `images` (N, size, size, 3), uint8.

    If there is a `pool`, its threads share the work; the result is the same bits. Outside an image,
    a warp finds the image mirrored at its outermost pixels.
    """
    count, size = images.shape[:2]
    result = np.empty(images.shape, np.uint8)
    stages = _stages(augmentation, size)

    def augment_range(part: range) -> None:
        spare = np.empty((2, size, size, 3), np.uint8)
        for index in part:
            _run(stages[index], images[index], result[index], spare)
            if augmentation.cutouts is not None:
                left, top, right, bottom = augmentation.cutouts[index]
                result[index, top:bottom, left:right] = MIDDLE_GRAY

    _run_in_parts(augment_range, count, pool)
    if augmentation.mixing is None:
        return result
    return _mix(result, augmentation.mixing, pool)


def _run_in_parts(work: Callable[[range], None], count: int, pool: Executor | None) -> None:
    parts = [
        range(start, min(start + IMAGES_AT_ONCE, count))
        for start in range(0, count, IMAGES_AT_ONCE)
    ]
    for _ in pool.map(work, parts) if pool else map(work, parts):
        pass


def _run(stages: list[Stage], image: np.ndarray, target: np.ndarray, spare: np.ndarray) -> None:
    """Pass `image` through the `stages`; the last one writes into `target`."""
    if not stages:
        target[:] = image
    for number, stage in enumerate(stages, start=1):
        # A stage cannot write into the array that it reads.
        into = target if number == len(stages) else spare[number % 2]
        stage(image, into)
        image = into


def _stages(augmentation: BatchAugmentation, size: int) -> list[list[Stage]]:
    """Return the stages of each image that change it."""
    stages: list[list[Stage]] = [[] for _ in augmentation.warps]
    boxes, are_boxes = _crop_boxes(augmentation.warps, size)
    for index in np.flatnonzero(augmentation.have_warp()):
        if are_boxes[index]:
            stages[index] += _crop(boxes[index], size)
        else:
            stages[index].append(_warp(augmentation.warps[index]))
    for index in np.flatnonzero(augmentation.have_colors()):
        stages[index].append(_recolor(augmentation.colors[index]))
    if augmentation.tables is not None:
        for index in np.flatnonzero(augmentation.have_table()):
            stages[index].append(_replace(augmentation.tables[index]))
    return stages


def _crop_boxes(warps: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the box of each old image that becomes the new one, and whether the warp is a crop.

    Boxes (N, 4) are left, top, right, bottom, with left and right exchanged if the image is
    mirrored. A crop is upright, in whole pixels, and inside the image.
    """
    scales = warps[:, (0, 1), (0, 1)]
    first = warps[:, :, 2] + 0.5 - 0.5 * scales
    edges = np.concatenate((first, first + size * scales), axis=1)
    boxes = np.rint(edges).astype(np.int64)
    are_upright = (warps[:, 0, 1] == 0.0) & (warps[:, 1, 0] == 0.0) & (scales[:, 1] > 0.0)
    # Rounding errors are below a millionth of a pixel.
    are_whole = np.all(np.abs(edges - boxes) < 1e-6, axis=1)
    are_inside = np.all((boxes >= 0) & (boxes <= size), axis=1)
    are_not_empty = (boxes[:, 0] != boxes[:, 2]) & (boxes[:, 1] != boxes[:, 3])
    return boxes, are_upright & are_whole & are_inside & are_not_empty


def _crop(box: np.ndarray, size: int) -> list[Stage]:
    left, top, right, bottom = box.tolist()
    columns = slice(min(left, right), max(left, right))
    stages: list[Stage] = []
    if (right - left, bottom - top) not in ((size, size), (-size, size)):
        stages.append(
            lambda image, into: cv2.resize(
                image[top:bottom, columns], (size, size), dst=into, interpolation=cv2.INTER_LINEAR
            )
        )
    if right < left:
        stages.append(lambda image, into: cv2.flip(image, 1, dst=into))
    return stages


def _warp(warp: np.ndarray) -> Stage:
    def stage(image: np.ndarray, into: np.ndarray) -> None:
        # OpenCV warps four channels in little more than half the time of three.
        warped = cv2.warpAffine(
            cv2.cvtColor(image, cv2.COLOR_RGB2RGBA),
            warp,
            (image.shape[1], image.shape[0]),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB, dst=into)

    return stage


def _recolor(color: np.ndarray) -> Stage:
    return lambda image, into: cv2.transform(image, color, dst=into)


def _replace(table: np.ndarray) -> Stage:
    return lambda image, into: cv2.LUT(image, table, dst=into)


def _mix(images: np.ndarray, mixing: Mixing, pool: Executor | None) -> np.ndarray:
    """Return augmented images (N, size, size, 3) mixed with their partners."""
    mixed = np.empty_like(images)

    def mix(part: range) -> None:
        for index in part:
            image, partner = images[index], images[mixing.partners[index]]
            opacity = float(mixing.opacities[index])
            left, top, right, bottom = mixing.boxes[index]
            if opacity < 1.0:
                # A partner that is not opaque covers the whole image.
                cv2.addWeighted(image, 1.0 - opacity, partner, opacity, 0.0, dst=mixed[index])
            else:
                mixed[index] = image
                mixed[index, top:bottom, left:right] = partner[top:bottom, left:right]

    _run_in_parts(mix, len(images), pool)
    return mixed
