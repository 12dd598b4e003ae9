"""The export of a trial's network, which must answer as the network does."""

import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from keiryo.comparison.exporting.bundle import Bundle
from keiryo.comparison.exporting.compared_images import ComparedImages, compared_images
from keiryo.comparison.exporting.gate import Gate
from keiryo.errors import InputError
from keiryo.export.targets import Files, Target, find_target
from keiryo.export.trained import TrainedNetwork
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
    the data, or with `allow`; if one of several does not, none is written. A rounded one may lose
    `max_drop` of the accuracy, as a share. Raises InputError if there is no trained network, if a
    file is in the way and not `force`, or if the network cannot be exported.
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
    exports: dict[str, Export] = {}
    for name, target in targets.items():
        say(
            f"Exporting {description.model} to {name} and comparing answers on {images.count:,} "
            "images ..."
        )
        try:
            export = _encode(trained, target, gate, max_drop, say)
        except InputError as error:
            raise InputError(f"{error}{_written_of_several(targets)}") from None
        if not export.holds and not allow:
            raise InputError(
                f"{artifact}: not written, since the exported model"
                f"{f' ({name})' if len(targets) > 1 else ''} answers differently: "
                f"{1 - export.agreement.equal_labels:.1%} of {export.agreement.images:,} images "
                f"get another class, and a probability differs by up to "
                f"{_largest(export.agreement):.2g}; --allow writes it all the same"
                f"{_written_of_several(targets)}"
            )
        exports[name] = export
    exported: list[ExportedModel] = []
    for name, export in exports.items():
        if bundle:
            made = Bundle(
                target=name,
                files=export.files,
                description=description,
                agreement=export.agreement,
                holds=export.holds,
                probabilities=export.probabilities,
                images=images,
                trial=file.parent,
                licence=licence,
                threads=threads,
            )
            try:
                made.write(places[name])
            except InputError as error:
                written = [one.target for one in exported]
                raise InputError(f"{error}{_written_of_several(targets, written)}") from None
        else:
            targets[name].write(places[name], export.files)
        exported.append(
            ExportedModel(
                path=str(places[name]),
                target=name,
                model=description.model,
                classes=description.classes,
                size_bytes=sum(map(len, export.files.values())),
                agreement=export.agreement,
                holds=export.holds,
                max_drop=max_drop,
            )
        )
    return exported


@dataclass(frozen=True)
class Export:
    """The files of a target, not yet written, and how they answer.

    `probabilities` (images, classes) are their answers on the held-out images, and `holds` says
    whether the gate lets them pass.
    """

    files: Files
    agreement: Agreement
    probabilities: np.ndarray
    holds: bool


def _encode(
    trained: TrainedNetwork, target: Target, gate: Gate, max_drop: float, say: Say
) -> Export:
    """Return the first attempt that holds, or else the last."""
    export = None
    for attempt, files in enumerate(target.attempts(trained)):
        if attempt:
            say(f"Too far from the trained network; attempt {attempt + 1} ...")
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder, target.name)
            target.write(place, files)
            agreement, probabilities = gate.measure(place, target)
        export = Export(files, agreement, probabilities, target.holds(agreement, max_drop))
        if export.holds:
            break
    assert export is not None
    return export


def _written_of_several(targets: Collection[str], written: Collection[str] = ()) -> str:
    if len(targets) == 1:
        return ""
    return f"; of {' and '.join(targets)}, {' and '.join(written) or 'none'} was written"


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
