"""The export of a trial's network, checked on the images that the trial held out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from keiryo.comparison.plan import PLAN_FILE, pack_place, read_plan
from keiryo.comparison.trial.held_out import HELD_OUT_FILE
from keiryo.data.image.decoding import UnreadableImageError
from keiryo.data.locate import locate
from keiryo.data.packs.pack import is_pack, open_pack
from keiryo.data.sources.source import Source
from keiryo.errors import InputError
from keiryo.export.agreement import measure_agreement
from keiryo.export.deployed import ImageClassifier
from keiryo.export.targets import find_target
from keiryo.files import replace_file
from keiryo.models.saved import MODEL_FILE, SavedModel, channels_last, load_model
from keiryo.records.export import Agreement, ExportedModel, ImagesFrom

BATCH = 32
RANDOM_IMAGES = 64


@dataclass(frozen=True)
class _Images:
    """Images (size, size, 3), uint8, that are read batch by batch.

    `read` takes their numbers. `expected` (count, classes) are the probabilities that the trial
    recorded, and `labels` (count,) the classes; None: there are none.
    """

    count: int
    images_from: ImagesFrom
    read: Callable[[range], np.ndarray]
    expected: np.ndarray | None = None
    labels: np.ndarray | None = None

    def batches(self) -> Iterator[np.ndarray]:
        for start in range(0, self.count, BATCH):
            yield self.read(range(start, min(start + BATCH, self.count)))


def export_model(
    artifact: Path,
    out: Path | None,
    *,
    to: str,
    allow: bool = False,
    force: bool = False,
    threads: int = 1,
    say: Callable[[str], None] = lambda message: None,
) -> ExportedModel:
    """Write the trained network of a trial's folder, or of a model file, for another runtime.

    The file goes into the folder `out`; None: that of the network. It is written only if it gives
    the probabilities of the trained network on the held-out images, read anew from the data, or
    with `allow`. Raises InputError if there is no trained network, if a file is in the way and not
    `force`, or if the network cannot be exported.
    """
    target = find_target(to)
    file = artifact / MODEL_FILE if artifact.is_dir() else artifact
    network, description = load_model(file)
    path = (out or file.parent) / target.file_name
    if path.exists() and not force:
        raise InputError(f"{path}: exists; replace it with --force, or give another --out")
    say(f"Exporting {description.model} ...")
    encoded = target.encode(network, description)
    images = _held_out_images(file.parent, description) or _random_images(description)
    say(f"Comparing its answers on {images.count:,} images ...")
    torch.set_num_threads(threads)
    run = target.open(encoded, threads=threads)

    def agree(expected: np.ndarray) -> Agreement:
        return measure_agreement(
            run,
            images.batches(),
            expected,
            images.labels,
            images_from=images.images_from,
            tolerance=target.tolerance,
        )

    agreement = None if images.expected is None else agree(images.expected)
    if agreement is None or not agreement.holds:
        # A GPU that the network was trained on may compute in another precision.
        agreement = agree(_probabilities(network, description, images))
    if not agreement.holds and not allow:
        raise InputError(
            f"{artifact}: not written, since the exported model answers differently: "
            f"{1 - agreement.equal_labels:.1%} of {agreement.images:,} images get another class, "
            f"and a probability differs by {agreement.largest_difference:.2g} "
            f"({agreement.tolerance:g} is allowed); --allow writes it all the same"
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
    )


def _held_out_images(trial: Path, description: SavedModel) -> _Images | None:
    """Return the images that the trial in this folder held out; None if they are not known.

    They are read anew from the data, or from the pack if the data are gone.
    """
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
    if source is not None:
        places = {item.name: place for place, item in enumerate(source.items)}
        names = [pack.survey.images[row].name for row in rows]
        if all(name in places for name in names):
            read = partial(_read, source, [places[name] for name in names], description)
            return _Images(len(rows), "data", read, expected, pack.labels[rows])
    return _Images(
        len(rows), "pack", lambda part: pack.images[rows[part]], expected, pack.labels[rows]
    )


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


def _random_images(description: SavedModel) -> _Images:
    size = description.preprocessing.size
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (RANDOM_IMAGES, size, size, 3), dtype=np.uint8)
    return _Images(RANDOM_IMAGES, "random", lambda part: images[part])


def _probabilities(network: nn.Module, description: SavedModel, images: _Images) -> np.ndarray:
    classifier = channels_last(ImageClassifier(network, description.preprocessing)).eval()
    with torch.inference_mode():
        return np.concatenate(
            [classifier(torch.from_numpy(batch)).numpy() for batch in images.batches()]
        )
