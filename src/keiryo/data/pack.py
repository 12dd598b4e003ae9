"""Pictures decoded once into a memory-mapped file that training reads from.

A pack is a folder: `images.npy`, uint8, (rows, size, size, 3), RGB; and
`pack.json` with everything else. It is written beside its final place and moved
there whole, so that a pack that can be seen is complete.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from keiryo.data.pictures import UnreadablePictureError, fit_picture
from keiryo.data.sources import Item, Reading, Source, Split
from keiryo.errors import InputError
from keiryo.files import replaced_folder, write_text
from keiryo.results import Finding, Record, Severity

FORMAT_VERSION = 1
IMAGES_FILE = "images.npy"
HEADER_FILE = "pack.json"
READ_AHEAD = 256  # pictures in memory at once, and what an interruption waits for at the most

# code of a note or a failure -> severity, what it is, what to do
NOTE_FINDINGS: dict[str, tuple[Severity, str, str]] = {
    "unreadable": ("warning", "cannot be read and left out", "Replace or delete them."),
    "too_large": ("warning", "too large to decode and left out", "Save them smaller."),
    "animated": ("info", "animated; the first frame is used", "Nothing, if that frame shows it."),
    "cmyk": ("info", "in CMYK; converted to RGB", "Check that the colours are right."),
    "sixteen_bit": ("info", "with 16 bits a channel; reduced to 8", "Nothing to do."),
    "transparent": ("info", "with transparency; laid on white", "Nothing, if white is right."),
    "wrong_suffix": ("info", "not of the format their names say", "Rename them."),
    "tiny": ("warning", "under 8 pixels on a side", "Check whether they show anything."),
}


class PackedPicture(Record):
    """One row of the pack."""

    name: str
    label: int
    split: Split | None
    digest: str


class PackHeader(Record):
    """What stands in `pack.json`."""

    format_version: int
    name: str
    size: int
    classes: list[str]
    fingerprint: str
    checksum: str
    findings: list[Finding]
    pictures: list[PackedPicture]


@dataclass(frozen=True)
class Pack:
    """An opened pack: `images` (rows, size, size, 3), uint8, and what is known of each row."""

    images: np.ndarray
    header: PackHeader

    @property
    def labels(self) -> np.ndarray:
        return np.array([picture.label for picture in self.header.pictures])


class PackSource(Source):
    """A pack given as data: it is used where it is."""

    def __init__(self, folder: Path) -> None:
        self.pack = open_pack(folder)
        header = self.pack.header
        items = [Item(picture.name, picture.label, picture.split) for picture in header.pictures]
        super().__init__(str(folder), header.classes, items, header.findings)

    def fingerprint(self) -> str:
        return self.pack.header.fingerprint

    def read(self, index: int, size: int) -> Reading:
        digest = self.pack.header.pictures[index].digest
        return Reading(fit_picture(self.pack.images[index], size), digest)


def prepare_pack(
    source: Source,
    *,
    size: int,
    folder: Path,
    workers: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Pack:
    """Return the pack of `source` at `size` in `folder`, made anew only if that there is stale.

    `progress` is told how many pictures are done, of how many. Raises InputError
    where a pack given as data is of another size.
    """
    if isinstance(source, PackSource):
        if source.pack.header.size != size:
            raise InputError(
                f"--size {size}: the pack {source.name} is of {source.pack.header.size}"
            )
        return source.pack
    fingerprint = source.fingerprint()
    if is_pack(folder):
        try:
            pack = open_pack(folder)
        except InputError:
            pack = None  # damaged: made again below
        if pack and (pack.header.fingerprint, pack.header.size) == (fingerprint, size):
            return pack
    with replaced_folder(folder) as temporary:
        _write(source, temporary, size, fingerprint, workers, progress)
    return open_pack(folder)


def open_pack(folder: Path, *, verify: bool = True) -> Pack:
    """Open the pack in `folder`; raise InputError where it is damaged or of another version."""
    try:
        header = PackHeader.model_validate_json((folder / HEADER_FILE).read_bytes())
        images = np.load(folder / IMAGES_FILE, mmap_mode="r")
    except (OSError, ValueError, ValidationError):
        raise InputError(f"{folder}: not a pack of keiryo's, or a damaged one") from None
    if header.format_version != FORMAT_VERSION:
        raise InputError(f"{folder}: a pack of version {header.format_version}; pack it again")
    if verify and _checksum(folder / IMAGES_FILE) != header.checksum:
        raise InputError(f"{folder}: its pictures do not match its checksum; pack it again")
    return Pack(images, header)


def packed_fingerprint(folder: Path) -> str | None:
    """Return the fingerprint of what was packed into `folder`; None where no whole pack is."""
    try:
        return open_pack(folder, verify=False).header.fingerprint
    except InputError:
        return None


def is_pack(folder: Path) -> bool:
    """Return whether `folder` holds a pack."""
    return (folder / HEADER_FILE).is_file()


def pack_bytes(source: Source, size: int) -> int:
    """Return how much making the pack of `source` will take on disk, nearly."""
    return 0 if isinstance(source, PackSource) else len(source.items) * size * size * 3


def _write(
    source: Source,
    folder: Path,
    size: int,
    fingerprint: str,
    workers: int,
    progress: Callable[[int, int], None],
) -> None:
    total = len(source.items)
    images = np.lib.format.open_memmap(
        folder / IMAGES_FILE, mode="w+", dtype=np.uint8, shape=(total, size, size, 3)
    )
    pictures: list[PackedPicture] = []
    noted: dict[str, list[str]] = defaultdict(list)

    def read(index: int) -> Reading | UnreadablePictureError:
        try:
            return source.read(index, size)
        except UnreadablePictureError as failure:
            return failure

    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, total, READ_AHEAD):
            indices = range(start, min(start + READ_AHEAD, total))
            for index, reading in zip(indices, pool.map(read, indices), strict=True):
                item = source.items[index]
                if isinstance(reading, UnreadablePictureError):
                    noted[reading.code].append(f"{item.name} ({reading})")
                else:
                    images[len(pictures)] = reading.pixels
                    pictures.append(
                        PackedPicture(
                            name=item.name,
                            label=item.label,
                            split=item.split,
                            digest=reading.digest,
                        )
                    )
                    for note in reading.notes:
                        noted[note].append(item.name)
            progress(indices.stop, total)
    images.flush()
    header = PackHeader(
        format_version=FORMAT_VERSION,
        name=source.name,
        size=size,
        classes=list(source.classes),
        fingerprint=fingerprint,
        checksum=_checksum(folder / IMAGES_FILE),
        findings=[*source.findings, *_note_findings(noted)],
        pictures=pictures,
    )
    write_text(folder / HEADER_FILE, header.model_dump_json())


def _note_findings(noted: dict[str, list[str]]) -> list[Finding]:
    findings = []
    for code, (severity, what, advice) in NOTE_FINDINGS.items():
        if files := noted.get(code):
            findings.append(
                Finding(
                    code=code,
                    severity=severity,
                    evidence=f"{len(files)} picture{'s' * (len(files) > 1)} {what}",
                    advice=advice,
                    files=sorted(files),
                )
            )
    return findings


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()
