"""Unpacking of published archives to a folder of images for each class."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

import cv2
import numpy as np

from keiryo.errors import InputError

CIFAR10_SIDE = 32
CIFAR10_RECORD_BYTES = 1 + 3 * CIFAR10_SIDE * CIFAR10_SIDE
CIFAR10_TRAIN_BATCHES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
CIFAR10_TEST_BATCHES = ("test_batch.bin",)

# In the order of the labels, 1 to 102, on the publisher's page.
# fmt: off
FLOWERS102_CLASSES = (
    "pink primrose", "hard-leaved pocket orchid", "canterbury bells", "sweet pea",
    "english marigold", "tiger lily", "moon orchid", "bird of paradise", "monkshood",
    "globe thistle", "snapdragon", "colt's foot", "king protea", "spear thistle", "yellow iris",
    "globe-flower", "purple coneflower", "peruvian lily", "balloon flower", "giant white arum lily",
    "fire lily", "pincushion flower", "fritillary", "red ginger", "grape hyacinth", "corn poppy",
    "prince of wales feathers", "stemless gentian", "artichoke", "sweet william", "carnation",
    "garden phlox", "love in the mist", "mexican aster", "alpine sea holly", "ruby-lipped cattleya",
    "cape flower", "great masterwort", "siam tulip", "lenten rose", "barbeton daisy", "daffodil",
    "sword lily", "poinsettia", "bolero deep blue", "wallflower", "marigold", "buttercup",
    "oxeye daisy", "common dandelion", "petunia", "wild pansy", "primula", "sunflower",
    "pelargonium", "bishop of llandaff", "gaura", "geranium", "orange dahlia", "pink-yellow dahlia",
    "cautleya spicata", "japanese anemone", "black-eyed susan", "silverbush", "californian poppy",
    "osteospermum", "spring crocus", "bearded iris", "windflower", "tree poppy", "gazania",
    "azalea", "water lily", "rose", "thorn apple", "morning glory", "passion flower", "lotus",
    "toad lily", "anthurium", "frangipani", "clematis", "hibiscus", "columbine", "desert-rose",
    "tree mallow", "magnolia", "cyclamen", "watercress", "canna lily", "hippeastrum", "bee balm",
    "ball moss", "foxglove", "bougainvillea", "camellia", "mallow", "mexican petunia", "bromelia",
    "blanket flower", "trumpet creeper", "blackberry lily",
)
# fmt: on
FLOWERS102_SPLITS = {"train": "trnid", "val": "valid", "test": "tstid"}

IMAGENETTE_CLASSES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}


def unpack_tf_flowers(files: Sequence[Path], folder: Path) -> None:
    """Unpack flower_photos.tgz to `folder`: `CLASS/*.jpg`, and its LICENSE.txt.

    Raises InputError if the archive is damaged.
    """
    (archive,) = files
    count = 0
    with _open(archive) as tar:
        for member, parts in _plain_files(tar):
            match parts:
                case (_, label, image):
                    _extract(tar, member, f"{label}/{image}", folder)
                    count += 1
                case (_, "LICENSE.txt"):  # it names the photographers, as the licence demands
                    _extract(tar, member, "LICENSE.txt", folder)
        _require(count > 0, archive, "no images in it")


def unpack_flowers102(files: Sequence[Path], folder: Path) -> None:
    """Unpack 102flowers.tgz by imagelabels.mat and setid.mat: train/, val/ and test/`CLASS/*.jpg`.

    Raises InputError if one of the three files is damaged.
    """
    archive, label_file, split_file = files
    labels = _read_matlab_numbers(label_file, ["labels"])["labels"]
    splits = _read_matlab_numbers(split_file, list(FLOWERS102_SPLITS.values()))
    _require(set(labels) <= set(range(1, 103)), label_file, "a label that is not 1 to 102")
    places: dict[str, str] = {}
    for split, variable in FLOWERS102_SPLITS.items():
        for number in splits[variable]:
            _require(1 <= number <= len(labels), split_file, f"image {number} has no label")
            label = FLOWERS102_CLASSES[labels[number - 1] - 1]
            places[f"image_{number:05d}.jpg"] = f"{split}/{label}"
    with _open(archive) as tar:
        for member, parts in _plain_files(tar):
            if place := places.pop(parts[-1], None):
                _extract(tar, member, f"{place}/{parts[-1]}", folder)
        _require(not places, archive, f"{len(places)} images are missing")


def unpack_cifar10(files: Sequence[Path], folder: Path) -> None:
    """Unpack cifar-10-binary.tar.gz to PNG: train/ and test/`CLASS/*.png`, in published order.

    Raises InputError if the archive is damaged.
    """
    (archive,) = files
    with _open(archive) as tar:
        members = {parts[-1]: member for member, parts in _plain_files(tar)}
        wanted = ("batches.meta.txt", *CIFAR10_TRAIN_BATCHES, *CIFAR10_TEST_BATCHES)
        for name in wanted:
            _require(name in members, archive, f"{name} is missing")
        labels = _read_member(tar, members["batches.meta.txt"]).decode("ascii", "replace").split()
        _require(all(label.isalpha() for label in labels), archive, "odd names in batches.meta.txt")
        for split, batches in (("train", CIFAR10_TRAIN_BATCHES), ("test", CIFAR10_TEST_BATCHES)):
            for label in labels:
                (folder / split / label).mkdir(parents=True, exist_ok=True)
            number = 0
            for batch in batches:
                data = _read_member(tar, members[batch])
                _require(len(data) % CIFAR10_RECORD_BYTES == 0, archive, f"{batch} is cut off")
                records = np.frombuffer(data, np.uint8).reshape(-1, CIFAR10_RECORD_BYTES)
                _require(bool((records[:, 0] < len(labels)).all()), archive, f"labels in {batch}")
                for record in records:
                    path = folder / split / labels[record[0]] / f"{number:05d}.png"
                    path.write_bytes(_cifar10_png(record[1:]))
                    number += 1


def _cifar10_png(planes: np.ndarray) -> bytes:
    rgb = planes.reshape(3, CIFAR10_SIDE, CIFAR10_SIDE).transpose(1, 2, 0)
    # OpenCV does not write the file itself, since it would not say that the disk is full.
    return cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes()


def unpack_imagenette(files: Sequence[Path], folder: Path) -> None:
    """Unpack imagenette2-320.tgz to train/ and val/`CLASS/*.JPEG`, with names for WordNet ids.

    Raises InputError if the archive is damaged.
    """
    (archive,) = files
    splits: set[str] = set()
    with _open(archive) as tar:
        for member, parts in _plain_files(tar):
            match parts:
                case (_, "train" | "val" as split, identifier, image):
                    known = identifier in IMAGENETTE_CLASSES
                    _require(known, archive, f"{identifier} is none of its classes")
                    place = f"{split}/{IMAGENETTE_CLASSES[identifier]}/{image}"
                    _extract(tar, member, place, folder)
                    splits.add(split)
        _require(splits == {"train", "val"}, archive, "no images in train/ or none in val/")


@contextmanager
def _open(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(archive) as tar:
            yield tar
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(archive, str(error)) from None


def _damaged(path: Path, reason: str) -> InputError:
    # tarfile lists all formats that it tried, each on a line.
    first_line = reason.partition("\n")[0].rstrip(":")
    return InputError(f"{path}: damaged: {first_line}; delete the file to download it again")


def _require(right: bool, path: Path, reason: str) -> None:
    if not right:
        raise _damaged(path, reason)


def _plain_files(tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, Sequence[str]]]:
    """Yield the files in `tar` with the parts of their paths, without links and hidden files."""
    for member in tar:
        parts = PurePosixPath(member.name).parts
        if member.isfile() and parts and not parts[-1].startswith("."):
            yield member, parts


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, place: str, folder: Path) -> None:
    tar.extract(member.replace(name=place, deep=False), folder, filter="data")


def _read_member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file: IO[bytes] | None = tar.extractfile(member)
    assert file is not None  # only links and folders have no content
    return file.read()


def _read_matlab_numbers(path: Path, names: Sequence[str]) -> Mapping[str, list[int]]:
    # SciPy is slow to import, and only this set needs it.
    from scipy.io import loadmat

    content = path.read_bytes()
    try:
        variables = loadmat(io.BytesIO(content))
        return {name: [int(number) for number in variables[name].ravel()] for name in names}
    except Exception as error:  # SciPy raises nearly anything for damaged data
        raise _damaged(path, str(error)) from None
