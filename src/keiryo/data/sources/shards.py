"""A source of images in tar shards of WebDataset, on disk or in an object store.

Files of a shard whose names agree up to the first dot are one image: `0001.jpg` with its label in
`0001.cls` (a number or a name), `0001.txt`, or `0001.json` (its `label`). Without such a file, the
label is the folder within the shard. At first, only the tables of contents are read; images are
read later, one by one, by their place in the shard.
"""

import hashlib
import json
import re
import tarfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self

import numpy as np

from keiryo.data.image.decoding import UnreadableImageError, decode_image
from keiryo.data.image.facts import content_digest, examine
from keiryo.data.image.fit import decode_for_size, fit_image
from keiryo.data.image.formats import IMAGE_SUFFIXES, UNREAD_SUFFIXES
from keiryo.data.items import SPLIT_NAMES, Item
from keiryo.data.sources.source import FittedImage, Source
from keiryo.data.sources.storage import filesystem_of, is_url
from keiryo.data.sources.unread import find_unread
from keiryo.errors import InputError
from keiryo.records.base import Finding
from keiryo.records.data import Fit

SHARD_SUFFIX = ".tar"
LONGEST_NUMBER = 18  # digits
LABEL_SUFFIXES = (".cls", ".txt", ".json")
RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


@dataclass(frozen=True)
class ByteRange:
    """The place of an image's bytes in a shard."""

    shard: str
    start: int
    length: int
    suffix: str


@dataclass
class ShardSample:
    """The files of a shard that have the same name: an image and its label.

    `unread` is the suffix of an image in a format that is not read.
    """

    image: ByteRange | None = None
    label: str | None = None
    unread: str = ""


def are_shards(data: str) -> bool:
    """Return whether `data` names tar shards: a file, a URL, a pattern, or a folder of shards."""
    if data.endswith(SHARD_SUFFIX):
        return True
    folder = Path(data)
    if is_url(data) or not folder.is_dir():
        return False
    # Beside class folders, a tar file is most likely the archive that they came from.
    has_folders = any(path.is_dir() for path in folder.iterdir() if not path.name.startswith("."))
    return not has_folders and any(folder.glob(f"*{SHARD_SUFFIX}"))


def open_shards(data: str) -> "ShardSource":
    """Return the source of the shards that `data` names.

    `data` is a file, a URL, or a folder of shards; a name may have a range, as in
    `flowers-{000..011}.tar`, or a `*`. Shards whose names begin with train, val or test belong to
    that split. Raises InputError if there are no shards, no labelled images in them, or if a shard
    cannot be read.
    """
    shards = _list_shards(data)
    found: list[tuple[str, str, ByteRange]] = []
    others: list[str] = []
    unread: list[str] = []
    damaged: list[str] = []
    for shard in shards:
        contents, is_whole = _read_contents(shard)
        if not is_whole:
            damaged.append(PurePosixPath(shard).name)
        for name, sample in contents.items():
            if sample.unread and sample.image is None:
                unread.append(f"{PurePosixPath(shard).name}/{name}{sample.unread}")
            elif sample.image is None or sample.label is None:
                others.append(f"{PurePosixPath(shard).name}/{name}")
            else:
                found.append((name, sample.label, sample.image))
    if not found:
        raise InputError(
            f"{data}: no labelled images in it; a shard holds NAME.jpg with NAME.cls, "
            "or CLASS/NAME.jpg"
        )
    classes = sorted({label for _, label, _ in found}, key=_sort_key)
    numbers = {label: number for number, label in enumerate(classes)}
    items = [
        Item(
            f"{PurePosixPath(place.shard).name}/{name}{place.suffix}",
            numbers[label],
            SPLIT_NAMES.get(re.split(r"[-_.0-9]", PurePosixPath(place.shard).name)[0].lower()),
        )
        for name, label, place in found
    ]
    findings = [*find_unread(unread)]
    if damaged:
        findings.append(
            Finding(
                code="damaged_shard",
                severity="error",
                evidence=f"{len(damaged)} shard{'s' * (len(damaged) > 1)} cut short or damaged: "
                "what lies behind the damage was not read",
                advice="Fetch or write them again.",
                files=damaged,
            )
        )
    if others:
        findings.append(
            Finding(
                code="other_files",
                severity="info",
                evidence=f"{len(others)} left out: no image, or one without a label",
                advice="Nothing to do if they are not meant to be trained on.",
                files=others,
            )
        )
    return ShardSource(data, classes, items, [place for _, _, place in found], findings)


class ShardSource(Source):
    """Images in tar files."""

    def __init__(
        self,
        name: str,
        classes: Sequence[str],
        items: Sequence[Item],
        places: Sequence[ByteRange],
        findings: Sequence[Finding] = (),
    ) -> None:
        super().__init__(name, classes, items, findings)
        self._places: Sequence[ByteRange] | dict[int, ByteRange] = places

    def fingerprint(self) -> str:
        digest = hashlib.blake2b("\0".join(self.classes).encode(), digest_size=16)
        for shard in sorted({self._places[index].shard for index in range(len(self.items))}):
            files, path = filesystem_of(shard)
            digest.update(f"{shard}\0{files.ukey(path)}\n".encode())
        return digest.hexdigest()

    def read(self, index: int, size: int, fit: Fit) -> FittedImage:
        place = self._places[index]
        data = self._bytes(place)
        image = decode_for_size(data, size, suffix=place.suffix)
        facts = examine(image, content=content_digest(data))
        return FittedImage(fit_image(image.pixels, size, fit), facts)

    def content(self, index: int) -> str:
        try:
            return content_digest(self._bytes(self._places[index]))
        except UnreadableImageError:
            return ""

    def restrict_to(self, indices: range) -> Self:
        small = super().restrict_to(indices)
        small._places = {index: self._places[index] for index in indices}
        return small

    def read_whole(self, index: int) -> np.ndarray:
        place = self._places[index]
        return decode_image(self._bytes(place), suffix=place.suffix).pixels

    def _bytes(self, place: ByteRange) -> bytes:
        files, path = filesystem_of(place.shard)
        try:
            return files.cat_file(path, place.start, place.start + place.length)
        except Exception as error:  # each store raises its own
            raise UnreadableImageError("unreadable", f"cannot be read: {error}") from None


def _list_shards(data: str) -> list[str]:
    if not data.endswith(SHARD_SUFFIX):
        return sorted(map(str, Path(data).glob(f"*{SHARD_SUFFIX}")))
    if limits := RANGE.search(data):
        first, last = limits.groups()
        return [
            RANGE.sub(f"{number:0{len(first)}d}", data, count=1)
            for number in range(int(first), int(last) + 1)
        ]
    if "*" not in data:
        return [data]
    files, pattern = filesystem_of(data)
    shards = [str(files.unstrip_protocol(path)) for path in sorted(files.glob(pattern))]
    if not shards:
        raise InputError(f"{data}: no such files")
    return shards


def _read_contents(shard: str) -> tuple[dict[str, ShardSample], bool]:
    """Return the contents of a shard by name, in order, and whether the shard is whole."""
    samples: dict[str, ShardSample] = defaultdict(ShardSample)
    files, path = filesystem_of(shard)
    try:
        with files.open(path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            end = 0
            for member in archive:
                if member.isfile():
                    _add_member(samples, shard, archive, member)
                end = member.offset_data + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
            # tarfile takes a damaged header for the end, but a whole archive ends in zeros.
            file.seek(end)
            is_whole = file.read(tarfile.BLOCKSIZE) == bytes(tarfile.BLOCKSIZE)
    except FileNotFoundError:
        raise InputError(f"{shard}: no such file") from None
    except tarfile.TarError as error:
        raise InputError(f"{shard}: not a tar file, or a damaged one: {error}") from None
    except OSError as error:
        raise InputError(f"{shard}: cannot be read: {error}") from None
    for name, sample in samples.items():
        folder = PurePosixPath(name).parent.name
        if sample.label is None and folder:
            sample.label = folder
    return samples, is_whole


def _add_member(
    samples: dict[str, ShardSample], shard: str, archive: tarfile.TarFile, member: tarfile.TarInfo
) -> None:
    folder, _, file_name = member.name.rpartition("/")
    stem, _, rest = file_name.partition(".")
    suffix = f".{rest.lower()}"
    sample = samples[f"{folder}/{stem}" if folder else stem]
    if suffix in IMAGE_SUFFIXES:
        sample.image = ByteRange(shard, member.offset_data, member.size, suffix)
    elif suffix in UNREAD_SUFFIXES:
        sample.unread = suffix
    elif suffix in LABEL_SUFFIXES:
        content = archive.extractfile(member)
        sample.label = _read_label(shard, member.name, suffix, content.read() if content else b"")


def _read_label(shard: str, name: str, suffix: str, content: bytes) -> str:
    try:
        text = content.decode().strip()
        if suffix == ".json":
            described: Any = json.loads(text)
            text = str(described["label"])
    except (UnicodeDecodeError, ValueError, KeyError, TypeError):
        raise InputError(f"{shard}: {name} holds no label") from None
    if not text:
        raise InputError(f"{shard}: {name} holds no label")
    return text


def _sort_key(label: str) -> tuple[int, int, str]:
    is_number = label.isdecimal() and len(label) <= LONGEST_NUMBER
    return (0, int(label), "") if is_number else (1, 0, label)
