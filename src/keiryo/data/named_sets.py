"""Published sets of pictures by name: where they are, and how they become a folder."""

import gzip
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import cv2
import numpy as np

from keiryo.data.download import Progress, download, no_progress
from keiryo.errors import InputError
from keiryo.files import replaced_folder

CIFAR10_SIDE = 32
CIFAR10_RECORD_BYTES = 1 + 3 * CIFAR10_SIDE * CIFAR10_SIDE
CIFAR10_TRAIN_BATCHES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
CIFAR10_TEST_BATCHES = ("test_batch.bin",)

# By label, 1 to 102, as the publisher's page shows them.
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


@dataclass(frozen=True)
class PublishedFile:
    """A file as its publisher offers it; `checksum` is "md5:..." or "sha256:..."."""

    url: str
    checksum: str
    byte_count: int

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class NamedSet:
    """A set of pictures with a name of its own.

    `unpack` turns the files, in their order here, into the folder that keiryo reads;
    `source` says who published them and under which terms.
    """

    name: str
    description: str
    source: str
    files: Sequence[PublishedFile]
    unpack: Callable[[Sequence[Path], Path], None]

    @property
    def byte_count(self) -> int:
        """What there is to download, in bytes."""
        return sum(file.byte_count for file in self.files)


def cache_folder() -> Path:
    """Return where fetched sets are kept.

    $KEIRYO_CACHE, else $XDG_CACHE_HOME/keiryo, else ~/.cache/keiryo.
    """
    if chosen := os.environ.get("KEIRYO_CACHE"):
        return Path(chosen).expanduser()
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches) / "keiryo"
    return Path.home() / ".cache" / "keiryo"


def fetch_named_set(
    name: str, *, cache: Path | None = None, progress: Progress = no_progress
) -> Path:
    """Return the folder of the set `name`, downloaded and unpacked unless it is there.

    It is `cache`/sets/`name` (`cache_folder()` where None), as `CLASS/*` or
    `train/CLASS/*`, `val/CLASS/*`, `test/CLASS/*`; what was downloaded stays in
    `cache`/downloads. `progress` is told the bytes done and the bytes in all, of all the
    set's files together. With $KEIRYO_MIRROR every file comes from there, under its own
    name, and must be the publisher's all the same.

    Raises InputError for an unknown name, a file that cannot be had, or a damaged
    archive, and OSError where the cache cannot be written.
    """
    if name not in NAMED_SETS:
        raise InputError(f"{name}: no set of that name; there are {', '.join(NAMED_SETS)}")
    chosen = NAMED_SETS[name]
    cache = cache or cache_folder()
    folder = cache / "sets" / name
    # It was moved here whole, so being here it is complete.
    if folder.is_dir():
        return folder
    archives: list[Path] = []
    before = 0
    for file in chosen.files:
        path = cache / "downloads" / file.name
        download(
            _address(file),
            path,
            checksum=file.checksum,
            progress=lambda done, _, before=before: progress(before + done, chosen.byte_count),
        )
        archives.append(path)
        before += file.byte_count
    try:
        with replaced_folder(folder) as temporary:
            chosen.unpack(archives, temporary)
    except OSError as error:
        # A failed write does not say by itself where the disk is full.
        error.filename = error.filename or str(folder)
        raise
    return folder


def _address(file: PublishedFile) -> str:
    mirror = os.environ.get("KEIRYO_MIRROR")
    return f"{mirror.rstrip('/')}/{file.name}" if mirror else file.url


def unpack_tf_flowers(files: Sequence[Path], folder: Path) -> None:
    """Unpack flower_photos.tgz to `folder`: `CLASS/*.jpg`, and its LICENSE.txt.

    Raises InputError where the archive is damaged.
    """
    (archive,) = files
    count = 0
    with _opened(archive) as tar:
        for member, parts in _plain_files(tar):
            match parts:
                case (_, label, picture):
                    _extract(tar, member, f"{label}/{picture}", folder)
                    count += 1
                case (_, "LICENSE.txt"):  # the photographers' names, which the licence asks for
                    _extract(tar, member, "LICENSE.txt", folder)
        _require(count > 0, archive, "no pictures in it")


def unpack_flowers102(files: Sequence[Path], folder: Path) -> None:
    """Unpack 102flowers.tgz by imagelabels.mat and setid.mat: train/, val/ and test/`CLASS/*.jpg`.

    Raises InputError where one of the three files is damaged.
    """
    archive, label_file, split_file = files
    labels = _matlab_numbers(label_file, ["labels"])["labels"]
    splits = _matlab_numbers(split_file, list(FLOWERS102_SPLITS.values()))
    _require(set(labels) <= set(range(1, 103)), label_file, "a label that is not 1 to 102")
    places: dict[str, str] = {}
    for split, variable in FLOWERS102_SPLITS.items():
        for number in splits[variable]:
            _require(1 <= number <= len(labels), split_file, f"picture {number} has no label")
            label = FLOWERS102_CLASSES[labels[number - 1] - 1]
            places[f"image_{number:05d}.jpg"] = f"{split}/{label}"
    with _opened(archive) as tar:
        for member, parts in _plain_files(tar):
            if place := places.pop(parts[-1], None):
                _extract(tar, member, f"{place}/{parts[-1]}", folder)
        _require(not places, archive, f"{len(places)} pictures are missing")


def unpack_cifar10(files: Sequence[Path], folder: Path) -> None:
    """Unpack cifar-10-binary.tar.gz to PNG: train/ and test/`CLASS/*.png`, in published order.

    Raises InputError where the archive is damaged.
    """
    (archive,) = files
    with _opened(archive) as tar:
        members = {parts[-1]: member for member, parts in _plain_files(tar)}
        wanted = ("batches.meta.txt", *CIFAR10_TRAIN_BATCHES, *CIFAR10_TEST_BATCHES)
        for name in wanted:
            _require(name in members, archive, f"{name} is missing")
        labels = _content(tar, members["batches.meta.txt"]).decode("ascii", "replace").split()
        _require(all(label.isalpha() for label in labels), archive, "odd names in batches.meta.txt")
        for split, batches in (("train", CIFAR10_TRAIN_BATCHES), ("test", CIFAR10_TEST_BATCHES)):
            for label in labels:
                (folder / split / label).mkdir(parents=True, exist_ok=True)
            number = 0
            for batch in batches:
                data = _content(tar, members[batch])
                _require(len(data) % CIFAR10_RECORD_BYTES == 0, archive, f"{batch} is cut off")
                records = np.frombuffer(data, np.uint8).reshape(-1, CIFAR10_RECORD_BYTES)
                _require(bool((records[:, 0] < len(labels)).all()), archive, f"labels in {batch}")
                for record in records:
                    path = folder / split / labels[record[0]] / f"{number:05d}.png"
                    path.write_bytes(_cifar10_png(record[1:]))
                    number += 1


def _cifar10_png(planes: np.ndarray) -> bytes:
    rgb = planes.reshape(3, CIFAR10_SIDE, CIFAR10_SIDE).transpose(1, 2, 0)
    # Not written by OpenCV itself, which says of a full disk only that it failed.
    return cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes()


def unpack_imagenette(files: Sequence[Path], folder: Path) -> None:
    """Unpack imagenette2-320.tgz, WordNet ids made names: train/ and val/`CLASS/*.JPEG`.

    Raises InputError where the archive is damaged.
    """
    (archive,) = files
    splits: set[str] = set()
    with _opened(archive) as tar:
        for member, parts in _plain_files(tar):
            match parts:
                case (_, "train" | "val" as split, identifier, picture):
                    known = identifier in IMAGENETTE_CLASSES
                    _require(known, archive, f"{identifier} is none of its classes")
                    place = f"{split}/{IMAGENETTE_CLASSES[identifier]}/{picture}"
                    _extract(tar, member, place, folder)
                    splits.add(split)
        _require(splits == {"train", "val"}, archive, "no pictures in train/ or none in val/")


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(archive) as tar:
            yield tar
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(archive, str(error)) from None


def _damaged(path: Path, reason: str) -> InputError:
    # tarfile lists all that it tried, on a line each.
    first_line = reason.partition("\n")[0].rstrip(":")
    return InputError(f"{path}: damaged: {first_line}; delete the file, so that it is fetched anew")


def _require(right: bool, path: Path, reason: str) -> None:
    if not right:
        raise _damaged(path, reason)


def _plain_files(tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, Sequence[str]]]:
    """Yield the files in `tar` with the parts of their paths; no links, nothing hidden."""
    for member in tar:
        parts = PurePosixPath(member.name).parts
        if member.isfile() and parts and not parts[-1].startswith("."):
            yield member, parts


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, place: str, folder: Path) -> None:
    tar.extract(member.replace(name=place, deep=False), folder, filter="data")


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file: IO[bytes] | None = tar.extractfile(member)
    assert file is not None  # only links and folders have no content
    return file.read()


def _matlab_numbers(path: Path, names: Sequence[str]) -> Mapping[str, list[int]]:
    # Slow to import, and of all the sets only this one needs it.
    from scipy.io import loadmat

    content = path.read_bytes()
    try:
        variables = loadmat(io.BytesIO(content))
        return {name: [int(number) for number in variables[name].ravel()] for name in names}
    except Exception as error:  # on damaged data SciPy raises nearly anything
        raise _damaged(path, str(error)) from None


NAMED_SETS: dict[str, NamedSet] = {
    named_set.name: named_set
    for named_set in (
        NamedSet(
            name="tf_flowers",
            description="3,670 photographs of flowers in 5 classes, not split",
            source="The TensorFlow Team, 2019; CC BY 2.0, photographers named in LICENSE.txt",
            files=(
                PublishedFile(
                    url="https://storage.googleapis.com/download.tensorflow.org/example_images/"
                    "flower_photos.tgz",
                    checksum="sha256:"
                    "4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",
                    byte_count=228_813_984,
                ),
            ),
            unpack=unpack_tf_flowers,
        ),
        NamedSet(
            name="flowers102",
            description="8,189 photographs of flowers in 102 classes: 1,020 to train on, "
            "1,020 to validate, 6,149 to test",
            source="Nilsback and Zisserman, University of Oxford, 2008; no licence stated",
            files=(
                PublishedFile(
                    url="https://www.robots.ox.ac.uk/~vgg/data/flowers/102/102flowers.tgz",
                    checksum="sha256:"
                    "2d01ecc807db462958cfe3d92f57a8c252b4abd240eb955770201e45f783b246",
                    byte_count=344_862_509,
                ),
                PublishedFile(
                    url="https://www.robots.ox.ac.uk/~vgg/data/flowers/102/imagelabels.mat",
                    checksum="sha256:"
                    "4903e94206bac23bf772aadf06451916df56b58fc483a62db32a97b82656651d",
                    byte_count=502,
                ),
                PublishedFile(
                    url="https://www.robots.ox.ac.uk/~vgg/data/flowers/102/setid.mat",
                    checksum="sha256:"
                    "46b8678f91fd95d3c8f4feab80d271a6c834a1dd896fe29fd3e6ad9ce5c8dccd",
                    byte_count=14_989,
                ),
            ),
            unpack=unpack_flowers102,
        ),
        NamedSet(
            name="cifar10",
            description="60,000 pictures of 32 x 32 pixels in 10 classes: 50,000 to train on, "
            "10,000 to test",
            source="Krizhevsky, University of Toronto, 2009; no licence stated",
            files=(
                PublishedFile(
                    url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                    checksum="sha256:"
                    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                    byte_count=170_052_171,
                ),
            ),
            unpack=unpack_cifar10,
        ),
        NamedSet(
            name="imagenette",
            description="13,394 photographs, shorter side 320 pixels, in 10 easy classes of "
            "ImageNet: 9,469 to train on, 3,925 to validate",
            source="Howard, fast.ai, 2019; ImageNet's terms: non-commercial research and teaching",
            files=(
                PublishedFile(
                    url="https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz",
                    checksum="sha256:"
                    "569b4497c98db6dd29f335d1f109cf315fe127053cedf69010d047f0188e158c",
                    byte_count=341_663_724,
                ),
            ),
            unpack=unpack_imagenette,
        ),
    )
}
