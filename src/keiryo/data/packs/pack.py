"""Pictures decoded once into a file that training reads from as it is.

A pack is a folder: `images.npy`, uint8, (rows, size, size, 3), RGB; and `pack.json`
with everything else, checksums included. Making one is `keiryo.data.packs.packing`'s.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keiryo.data.image.fit import fit_picture
from keiryo.data.items import Item
from keiryo.data.packs.images import Images, RemoteImages, image_bytes, open_images
from keiryo.data.sources.source import Reading, Source
from keiryo.data.sources.storage import is_remote_file, is_url, read_bytes, remote_size
from keiryo.data.survey_record import Survey
from keiryo.errors import InputError
from keiryo.records.base import Record
from keiryo.records.data import Fit
from keiryo.sealed_pack import row_checksum

FORMAT_VERSION = 3
IMAGES_FILE = "images.npy"
HEADER_FILE = "pack.json"


class PackHeader(Record):
    """What stands in `pack.json`; `checksum` is of all the rest of it."""

    format_version: int = FORMAT_VERSION
    size: int
    fit: Fit
    fingerprint: str
    survey: Survey
    checksum: str = ""

    def sealed(self) -> "PackHeader":
        """Return the header with its own checksum."""
        return self.model_copy(update={"checksum": self._own_checksum()})

    def is_whole(self) -> bool:
        """Return whether the header is what it was when it was sealed."""
        return self.checksum == self._own_checksum()

    def _own_checksum(self) -> str:
        return row_checksum(self.model_copy(update={"checksum": ""}).model_dump_json().encode())


@dataclass(frozen=True)
class Pack:
    """An opened pack: `images` (rows, size, size, 3), uint8, and what is known of each row."""

    images: Images
    header: PackHeader

    @property
    def survey(self) -> Survey:
        return self.header.survey

    @property
    def labels(self) -> np.ndarray:
        return np.array([picture.label for picture in self.survey.pictures])


class PackSource(Source):
    """A pack given as data: it is used where it is."""

    def __init__(self, place: str) -> None:
        self.pack = open_pack(place)
        survey = self.pack.survey
        items = [Item(picture.name, picture.label, picture.split) for picture in survey.pictures]
        super().__init__(place, survey.classes, items, survey.findings)

    def fingerprint(self) -> str:
        return self.pack.header.fingerprint

    def known_survey(self) -> Survey:
        return self.pack.survey

    def read(self, index: int, size: int, fit: Fit) -> Reading:
        facts = self.pack.survey.pictures[index].facts
        return Reading(fit_picture(self.pack.images[index], size, fit), facts)


def open_pack(place: str | Path, *, verify: bool = True) -> Pack:
    """Open the pack at `place`, a folder or its URL.

    Raises InputError where it is damaged or of another version. One that lies elsewhere
    is verified as it is read.
    """
    url = str(place) if is_url(str(place)) else None
    folder = Path(place)
    try:
        text = read_bytes(f"{url}/{HEADER_FILE}") if url else (folder / HEADER_FILE).read_bytes()
        version = json.loads(text)["format_version"]
        if version != FORMAT_VERSION:
            raise InputError(f"{place}: a pack of version {version}; pack it again")
        header = PackHeader.model_validate_json(text)
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{place}: not a pack of keiryo's, or a damaged one") from None
    if not header.is_whole():
        raise InputError(f"{place}: its {HEADER_FILE} is damaged; pack it again")
    checksums = [picture.checksum for picture in header.survey.pictures]
    if url:
        expected = image_bytes(len(checksums), header.size)
        if remote_size(f"{url}/{IMAGES_FILE}") != expected:
            raise InputError(f"{place}: its {IMAGES_FILE} is cut short or missing; pack it again")
        return Pack(RemoteImages(f"{url}/{IMAGES_FILE}", checksums, header.size), header)
    try:
        images = open_images(folder / IMAGES_FILE, checksums, header.size, verify=verify)
    except OSError:
        raise InputError(f"{place}: its {IMAGES_FILE} cannot be read; pack it again") from None
    return Pack(images, header)


def is_pack(place: str | Path) -> bool:
    """Return whether there is a pack at `place`, a folder or its URL."""
    if is_url(str(place)):
        return is_remote_file(f"{str(place).rstrip('/')}/{HEADER_FILE}")
    return (Path(place) / HEADER_FILE).is_file()
