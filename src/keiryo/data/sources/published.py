"""Published sets of images: their names, addresses and checksums, and their download."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from keiryo.data.sources.download import Progress, download, no_progress
from keiryo.data.sources.unpacking import (
    unpack_cifar10,
    unpack_flowers102,
    unpack_imagenette,
    unpack_tf_flowers,
)
from keiryo.errors import InputError
from keiryo.files import replace_folder


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
class PublishedSet:
    """A published set of images.

    `unpack(files, folder)` unpacks the downloaded `files`, in this order, to a folder of images.
    `source` names the publisher and the terms.
    """

    name: str
    description: str
    source: str
    files: Sequence[PublishedFile]
    unpack: Callable[[Sequence[Path], Path], None]

    @property
    def byte_count(self) -> int:
        """Size of the download, in bytes."""
        return sum(file.byte_count for file in self.files)


def cache_folder() -> Path:
    """Return the folder of downloaded sets.

    $KEIRYO_CACHE, else $XDG_CACHE_HOME/keiryo, else ~/.cache/keiryo.
    """
    if chosen := os.environ.get("KEIRYO_CACHE"):
        return Path(chosen).expanduser()
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches) / "keiryo"
    return Path.home() / ".cache" / "keiryo"


def fetch_published_set(
    name: str, *, cache: Path | None = None, progress: Progress = no_progress
) -> Path:
    """Return the folder of the set `name`; download and unpack it unless it is there.

    It is `cache`/sets/`name` (`cache_folder()` if None), with `CLASS/*` or `train/CLASS/*`,
    `val/CLASS/*`, `test/CLASS/*`; downloaded files stay in `cache`/downloads. `progress` is told
    the bytes done and the bytes in all, of all files of the set. With $KEIRYO_MIRROR, each file is
    downloaded from there under its own name, and its checksum must still match.

    Raises InputError for an unknown name, a file that cannot be downloaded, or a damaged archive,
    and OSError if the cache cannot be written.
    """
    if name not in PUBLISHED_SETS:
        raise InputError(f"{name}: no set of that name; there are {', '.join(PUBLISHED_SETS)}")
    chosen = PUBLISHED_SETS[name]
    cache = cache or cache_folder()
    folder = cache / "sets" / name
    # Only a complete folder is moved here.
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
        with replace_folder(folder) as temporary:
            chosen.unpack(archives, temporary)
    except OSError as error:
        # The error of a failed write does not name the folder.
        error.filename = error.filename or str(folder)
        raise
    return folder


def _address(file: PublishedFile) -> str:
    mirror = os.environ.get("KEIRYO_MIRROR")
    return f"{mirror.rstrip('/')}/{file.name}" if mirror else file.url


PUBLISHED_SETS: dict[str, PublishedSet] = {
    named_set.name: named_set
    for named_set in (
        PublishedSet(
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
        PublishedSet(
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
        PublishedSet(
            name="cifar10",
            description="60,000 images of 32 x 32 pixels in 10 classes: 50,000 to train on, "
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
        PublishedSet(
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
