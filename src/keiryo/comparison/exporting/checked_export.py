"""The export of a trial's network, which must answer as the network does."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from keiryo.comparison.exporting.bundle import Bundle
from keiryo.comparison.exporting.compared_images import ComparedImages, compared_images
from keiryo.comparison.exporting.gate import Gate
from keiryo.errors import InputError
from keiryo.export.targets import Files, Target, find_target
from keiryo.export.trained import TrainedNetwork
from keiryo.files import replace_file, replace_folder
from keiryo.models.saved import find_model_file, load_model
from keiryo.records.export import Agreement, ExportedModel

MAX_DROP = 0.005  # half a point

Say = Callable[[str], None]


def export_model(
    artifact: Path,
    out: Path | None,
    *,
    to: Sequence[str],
    max_drop: float = MAX_DROP,
    allow: bool = False,
    force: bool = False,
    bundle: bool = False,
    licence: str | None = None,
    threads: int = 1,
    say: Say = lambda message: None,
) -> list[ExportedModel]:
    """Write a trained network for other runtimes: a trial's, a comparison's, or a model file's.

    `to` names the targets. The files go into the folder `out`; None: that of the network. With
    `bundle`, each is in a folder that a colleague can run, whose model card says `licence`. One is
    written only if it answers as the trained network does on the held-out images, read anew from
    the data, or with `allow`. A rounded one may lose `max_drop` of the accuracy, as a share. Raises
    InputError if there is no trained network, if a file is in the way and not `force`, or if the
    network cannot be exported.
    """
    targets = {name: find_target(name) for name in to}
    file = find_model_file(artifact)
    network, description = load_model(file)
    if licence is not None and not bundle:
        raise InputError("--licence: stands in the model card of a bundle; add --bundle")
    places = {
        name: (out or file.parent) / (f"bundle-{name}" if bundle else target.name)
        for name, target in targets.items()
    }
    for path in places.values():
        if path.exists() and not force:
            raise InputError(f"{path}: exists; replace it with --force, or give another --out")
    torch.set_num_threads(threads)
    images = compared_images(file.parent, description)
    trained = TrainedNetwork(network, description, _reader_of_calibration(images))
    gate = Gate(network, description, images, threads)
    exported: list[ExportedModel] = []
    for name, target in targets.items():
        say(
            f"Exporting {description.model} to {name} and comparing answers on {images.count:,} "
            "images ..."
        )
        files, agreement, probabilities = _encode(trained, target, gate, max_drop, say)
        holds = target.holds(agreement, max_drop)
        if not holds and not allow:
            raise InputError(
                f"{artifact}: not written, since the exported model answers differently: "
                f"{1 - agreement.equal_labels:.1%} of {agreement.images:,} images get another "
                f"class, and a probability differs by up to {_largest(agreement):.2g}; --allow "
                "writes it all the same"
            )
        if bundle:
            Bundle(
                target=name,
                files=files,
                description=description,
                agreement=agreement,
                holds=holds,
                probabilities=probabilities,
                images=images,
                trial=file.parent,
                licence=licence,
                threads=threads,
            ).write(places[name])
        else:
            _write(places[name], target, files)
        exported.append(
            ExportedModel(
                path=str(places[name]),
                target=name,
                model=description.model,
                classes=description.classes,
                size_bytes=sum(map(len, files.values())),
                agreement=agreement,
                holds=holds,
                max_drop=max_drop,
            )
        )
    return exported


def _encode(
    trained: TrainedNetwork, target: Target, gate: Gate, max_drop: float, say: Say
) -> tuple[Files, Agreement, np.ndarray]:
    """Return the first attempt that holds, else the last, its agreement and its probabilities."""
    files: Files = {}
    measured = None
    for attempt, files in enumerate(target.attempts(trained)):
        if attempt:
            say(f"Too far from the trained network; attempt {attempt + 1} ...")
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder, target.name)
            _write(place, target, files)
            measured = gate.measure(place, target)
        if target.holds(measured[0], max_drop):
            break
    assert measured is not None
    return files, *measured


def _write(place: Path, target: Target, files: Files) -> None:
    """Write an export to `place`, a file or a folder, whole or not at all."""
    if target.is_folder:
        with replace_folder(place) as temporary:
            for name, content in files.items():
                (temporary / name).write_bytes(content)
    else:
        (content,) = files.values()
        with replace_file(place) as temporary:
            temporary.write_bytes(content)


def _largest(agreement: Agreement) -> float:
    return max(agreement.largest_difference, agreement.largest_difference_from_files)


def _reader_of_calibration(images: ComparedImages) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        if images.read_calibration is None:
            raise InputError(
                "--to ...-int8: calibrates on training images; give the folder of a trial in its "
                "comparison, OUT/trials/NAME"
            )
        return images.read_calibration()

    return read
