"""The images on which an exported model is compared with the trained network."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from keiryo.comparison.plan import PLAN_FILE, Plan, pack_place, read_plan
from keiryo.comparison.trial.held_out import HELD_OUT_FILE
from keiryo.data.image.decoding import UnreadableImageError
from keiryo.data.locate import locate
from keiryo.data.packs.pack import Pack, is_pack, open_pack
from keiryo.data.sources.source import Source
from keiryo.errors import InputError
from keiryo.models.saved import SavedModel
from keiryo.records.export import ImagesFrom

BATCH = 32
RANDOM_IMAGES = 64
CALIBRATION_IMAGES = 128


@dataclass(frozen=True)
class ComparedImages:
    """Images (size, size, 3), uint8, that are read batch by batch.

    `read` takes their numbers, and reads them as the training does. `files` are their files, if
    each has its own. `expected` (count, classes) are the probabilities that the trial
    recorded, and `labels` (count,) the classes; None: there are none. `read_calibration` returns
    images of its training (N, size, size, 3).
    """

    count: int
    images_from: ImagesFrom
    read: Callable[[range], np.ndarray]
    expected: np.ndarray | None = None
    labels: np.ndarray | None = None
    read_calibration: Callable[[], np.ndarray] | None = None
    files: Sequence[Path] = ()

    def batches(self) -> Iterator[range]:
        """Yield the numbers of all images in order, by batches."""
        for start in range(0, self.count, BATCH):
            yield range(start, min(start + BATCH, self.count))


def compared_images(trial: Path, description: SavedModel) -> ComparedImages:
    """Return the images that the trial in the folder `trial` held out; random ones if not known.

    They are read anew from the data, or from the pack if the data are gone.
    """
    return _held_out_images(trial, description) or _random_images(description)


def _held_out_images(trial: Path, description: SavedModel) -> ComparedImages | None:
    out = trial.parent.parent
    if not ((out / PLAN_FILE).is_file() and (trial / HELD_OUT_FILE).is_file()):
        return None
    plan = read_plan(out)
    try:
        pack = open_pack(pack_place(out, plan), verify=False)
    except InputError:
        return None
    if pack.survey.classes != description.classes:
        return None
    with np.load(trial / HELD_OUT_FILE, allow_pickle=False) as file:
        rows, expected = file["rows"], file["probabilities"]
    source = None if is_pack(plan.data) else _locate(plan.data)
    known = (expected, pack.labels[rows], partial(_read_calibration, plan, pack, rows))
    if source is not None:
        places = {item.name: place for place, item in enumerate(source.items)}
        names = [pack.survey.images[row].name for row in rows]
        if all(name in places for name in names):
            chosen = [places[name] for name in names]
            read = partial(_read, source, chosen, description)
            files = source.files()
            return ComparedImages(
                len(rows), "data", read, *known, [files[place] for place in chosen] if files else ()
            )
    return ComparedImages(len(rows), "pack", lambda part: pack.images[rows[part]], *known)


def _locate(data: str) -> Source | None:
    try:
        return locate(data)
    except InputError:
        return None


def _read(
    source: Source, places: Sequence[int], description: SavedModel, part: range
) -> np.ndarray:
    size, fit = description.preprocessing.size, description.preprocessing.fit
    images: list[np.ndarray] = []
    for number in part:
        try:
            images.append(source.read(places[number], size, fit).pixels)
        except UnreadableImageError as error:
            name = source.items[places[number]].name
            raise InputError(f"{source.name}: {name} was held out, but now: {error}") from None
    return np.stack(images)


def _read_calibration(plan: Plan, pack: Pack, held_out: np.ndarray) -> np.ndarray:
    """Return random images of the pack that are neither held out nor of a test set."""
    is_training = np.array([image.split in (None, "train") for image in pack.survey.images])
    is_training[held_out] = False
    rows = np.flatnonzero(is_training)
    random = np.random.default_rng(plan.seed)
    chosen = random.choice(rows, min(CALIBRATION_IMAGES, len(rows)), replace=False)
    return pack.images[np.sort(chosen)]


def _random_images(description: SavedModel) -> ComparedImages:
    size = description.preprocessing.size
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (RANDOM_IMAGES, size, size, 3), dtype=np.uint8)
    return ComparedImages(RANDOM_IMAGES, "random", lambda part: images[part])
