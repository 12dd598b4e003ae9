"""A pack: images decoded once into a file that training maps into memory.

A pack is a folder with `images.npy`, uint8, (rows, size, size, 3), RGB, and `pack.json` with
everything else, checksums included. `keiryo.data.packs.packing` makes it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keiryo.data.image.fit import fit_image
from keiryo.data.items import Item
from keiryo.data.packs.images import ImageRows, RemoteImageRows, images_file_bytes, open_image_rows
from keiryo.data.sources.source import FittedImage, Source
from keiryo.data.sources.storage import is_remote_file, is_url, read_bytes, remote_size
from keiryo.data.survey_record import Survey
from keiryo.errors import InputError
from keiryo.files import checksum_of
from keiryo.records.data import Fit
from keiryo.sealed_pack import SealedHeader, read_header

FORMAT_VERSION = 3
IMAGES_FILE = "images.npy"
HEADER_FILE = "pack.json"


class PackHeader(SealedHeader):
    """The content of `pack.json`."""

    format_version: int = FORMAT_VERSION
    size: int
    fit: Fit
    fingerprint: str
    survey: Survey


@dataclass(frozen=True)
class Pack:
    """An opened pack: `images` (rows, size, size, 3), uint8, and facts about each in the header."""

    images: ImageRows
    header: PackHeader

    @property
    def survey(self) -> Survey:
        return self.header.survey

    @property
    def labels(self) -> np.ndarray:
        return np.array([image.label for image in self.survey.images])


class PackSource(Source):
    """A pack given as DATA, used in place."""

    def __init__(self, place: str) -> None:
        self.pack = open_pack(place)
        survey = self.pack.survey
        items = [Item(image.name, image.label, image.split) for image in survey.images]
        super().__init__(place, survey.classes, items, survey.findings)

    def fingerprint(self) -> str:
        return self.pack.header.fingerprint

    def content_fingerprint(self) -> str:
        """Return a digest of the packed pixels and their labels, wherever they were packed."""
        survey = self.pack.survey
        rows = [(survey.classes[i.label], i.split, i.checksum) for i in survey.images]
        return checksum_of(repr(rows).encode())

    def known_survey(self) -> Survey:
        return self.pack.survey

    def read(self, index: int, size: int, fit: Fit) -> FittedImage:
        facts = self.pack.survey.images[index].facts
        return FittedImage(fit_image(self.pack.images[index], size, fit), facts)


def open_pack(place: str | Path, *, verify: bool = True) -> Pack:
    """Open the pack at `place`, a folder or its URL.

    Raises InputError if it is damaged or of another version. A remote pack is verified row by row
    when it is read.
    """
    url = str(place) if is_url(str(place)) else None
    folder = Path(place)
    try:
        text = read_bytes(f"{url}/{HEADER_FILE}") if url else (folder / HEADER_FILE).read_bytes()
    except OSError:
        raise InputError(f"{place}: not a pack of keiryo's, or a damaged one") from None
    header = read_header(PackHeader, text, f"{place}/{HEADER_FILE}", version=FORMAT_VERSION)
    checksums = [image.checksum for image in header.survey.images]
    if url:
        expected = images_file_bytes(len(checksums), header.size)
        if remote_size(f"{url}/{IMAGES_FILE}") != expected:
            raise InputError(f"{place}: its {IMAGES_FILE} is cut short or missing; pack it again")
        return Pack(RemoteImageRows(f"{url}/{IMAGES_FILE}", checksums, header.size), header)
    try:
        images = open_image_rows(folder / IMAGES_FILE, checksums, header.size, verify=verify)
    except OSError:
        raise InputError(f"{place}: its {IMAGES_FILE} cannot be read; pack it again") from None
    return Pack(images, header)


def is_pack(place: str | Path) -> bool:
    """Return whether there is a pack at `place`, a folder or its URL."""
    if is_url(str(place)):
        return is_remote_file(f"{str(place).rstrip('/')}/{HEADER_FILE}")
    return (Path(place) / HEADER_FILE).is_file()
