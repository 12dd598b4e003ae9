"""Making a pack: on all cores, in bounded memory, resumed after an interruption.

It is made in a hidden folder beside its final place and then moved there, so that a visible pack is
complete. The place of each image in the file is fixed from the start, so that processes can write
at the same time; a journal lists the images that are written.
"""

import errno
import os
import shutil
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from keiryo.ahead import Progress
from keiryo.data.items import LeftOut, SurveyedImage
from keiryo.data.packs.content import has_contents, holds_images_of
from keiryo.data.packs.images import open_image_rows
from keiryo.data.packs.pack import (
    FORMAT_VERSION,
    HEADER_FILE,
    IMAGES_FILE,
    Pack,
    PackHeader,
    PackSource,
    is_pack,
    open_pack,
)
from keiryo.data.sources.source import Source
from keiryo.data.survey.reading import PartEntries, WriteTarget
from keiryo.data.survey.reading_pool import divide_into_parts, read_parts
from keiryo.data.survey.survey import conclude_survey
from keiryo.errors import InputError
from keiryo.files import checksum_of, move_folder, write_text
from keiryo.records.base import Record
from keiryo.records.data import Fit
from keiryo.sealed_pack import lock_pack, npy_header

JOURNAL_FILE = "parts.jsonl"
PART = TypeAdapter(PartEntries)


class JournalHeader(Record):
    """The first line of a journal; only a pack with the same header can continue it."""

    format_version: int = FORMAT_VERSION
    fingerprint: str
    size: int
    fit: Fit


def prepare_pack(
    source: Source,
    *,
    size: int,
    fit: Fit,
    folder: Path,
    workers: int,
    progress: Progress = lambda done, total: None,
) -> Pack:
    """Return the pack of `source` at `size` in `folder`; make it unless it is there and current.

    `progress` is told the number of images done and of all. Raises InputError if `source` is itself
    a pack of another size or fit.
    """
    check_same_form(source, size=size, fit=fit)
    if isinstance(source, PackSource):
        return source.pack
    journal = JournalHeader(fingerprint=source.fingerprint(), size=size, fit=fit)
    with lock_pack(folder):
        return _find_or_make(source, folder, journal, workers, progress)


def _find_or_make(
    source: Source, folder: Path, journal: JournalHeader, workers: int, progress: Progress
) -> Pack:
    if is_pack(folder):
        try:
            pack = open_pack(folder)
        except InputError:
            pack = None  # damaged: made again below
        if pack and _is_current(pack.header, journal, source):
            return _with_fingerprint(pack, folder, journal.fingerprint)
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    unfinished.mkdir(parents=True, exist_ok=True)
    try:
        header = _fill(source, unfinished, journal, workers, progress)
        move_folder(unfinished, folder)
    except (OSError, InputError):
        # Most likely the disk is full, so free what was written.
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    checksums = [image.checksum for image in header.survey.images]
    return Pack(open_image_rows(folder / IMAGES_FILE, checksums, header.size, verify=False), header)


def check_same_form(source: Source, *, size: int, fit: Fit) -> None:
    """Raise InputError if `source` is a pack of another size or fit."""
    if isinstance(source, PackSource):
        header = source.pack.header
        if header.size != size:
            raise InputError(f"--size {size}: the pack {source.name} is of {header.size}")
        if header.fit != fit:
            raise InputError(f"--fit {fit}: the pack {source.name} was made by {header.fit}")


def pack_bytes(source: Source, size: int) -> int:
    """Return about how many bytes the pack of `source` will take on disk."""
    return 0 if isinstance(source, PackSource) else len(source.items) * size * size * 3


def _is_current(header: PackHeader, journal: JournalHeader, source: Source) -> bool:
    # Without contents, a later split would not be that of the same images packed anew.
    return (
        (header.size, header.fit) == (journal.size, journal.fit)
        and has_contents(header.survey)
        and holds_images_of(header, source)
    )


def _with_fingerprint(pack: Pack, folder: Path, fingerprint: str) -> Pack:
    """Return the pack with the fingerprint of its source now: files of the same content."""
    if pack.header.fingerprint == fingerprint:
        return pack
    header = pack.header.model_copy(update={"fingerprint": fingerprint}).with_checksum()
    write_text(folder / HEADER_FILE, header.model_dump_json())
    return Pack(pack.images, header)


def _fill(
    source: Source, folder: Path, journal: JournalHeader, workers: int, progress: Progress
) -> PackHeader:
    total = len(source.items)
    images = folder / IMAGES_FILE
    offset = len(npy_header((total, journal.size, journal.size, 3)))
    target = WriteTarget(images, offset, journal.size, journal.fit)
    parts = divide_into_parts(total)
    done = _read_journal(folder, journal, target)
    entries: dict[int, list[SurveyedImage | LeftOut]] = {part.start: part.entries for part in done}
    if not entries:
        _start(folder, journal, total, target)
    count = sum(map(len, entries.values()))
    with (folder / JOURNAL_FILE).open("a", encoding="utf-8") as file:
        missing = [part for part in parts if part.start not in entries]
        for part in read_parts(source, missing, workers=workers, target=target):
            file.write(PART.dump_json(part).decode() + "\n")
            file.flush()
            entries[part.start] = part.entries
            count += len(part.entries)
            progress(count, total)
    in_order = [entry for part in parts for entry in entries[part.start]]
    if not any(isinstance(entry, SurveyedImage) for entry in in_order):
        raise InputError(f"{source.name}: none of its {total} files can be read as an image")
    _close_gaps(images, offset, journal.size, in_order)
    header = PackHeader(
        size=journal.size,
        fit=journal.fit,
        fingerprint=journal.fingerprint,
        survey=conclude_survey(source, in_order),
    ).with_checksum()
    write_text(folder / HEADER_FILE, header.model_dump_json())
    (folder / JOURNAL_FILE).unlink()
    return header


def _start(folder: Path, journal: JournalHeader, total: int, target: WriteTarget) -> None:
    length = target.offset + total * journal.size**2 * 3
    # Report a disk that is too small at once, not during the work.
    if shutil.disk_usage(folder).free < length:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder.parent))
    # A new file, since a process of an earlier attempt may still write into the old one.
    target.path.unlink(missing_ok=True)
    with target.path.open("wb") as file:
        file.write(npy_header((total, journal.size, journal.size, 3)))
        file.truncate(length)
    (folder / JOURNAL_FILE).write_text(journal.model_dump_json() + "\n", encoding="utf-8")


def _read_journal(folder: Path, journal: JournalHeader, target: WriteTarget) -> list[PartEntries]:
    """Return the complete parts that an earlier attempt at the same pack has written."""
    try:
        first, *lines = (folder / JOURNAL_FILE).read_text(encoding="utf-8").splitlines()
        if JournalHeader.model_validate_json(first) != journal:
            return []
        images = target.path.open("rb")
    except (OSError, ValueError):
        return []
    parts: list[PartEntries] = []
    row_bytes = journal.size**2 * 3
    with images:
        for line in lines:
            try:
                part = PART.validate_json(line)
            except ValidationError:
                break  # cut off by the interruption
            images.seek(target.offset + part.start * row_bytes)
            rows = [images.read(row_bytes) for _ in part.entries]
            if all(
                isinstance(entry, LeftOut) or checksum_of(row) == entry.checksum
                for entry, row in zip(part.entries, rows, strict=True)
            ):
                parts.append(part)
    return parts


def _close_gaps(
    images: Path, offset: int, size: int, entries: list[SurveyedImage | LeftOut]
) -> None:
    """Move images up to the places of those that could not be read."""
    row_bytes = size * size * 3
    rows = [row for row, entry in enumerate(entries) if isinstance(entry, SurveyedImage)]
    with images.open("r+b") as file:
        for place, row in enumerate(rows):
            if place != row:
                file.seek(offset + row * row_bytes)
                pixels = file.read(row_bytes)
                file.seek(offset + place * row_bytes)
                file.write(pixels)
        file.seek(0)
        file.write(npy_header((len(rows), size, size, 3)))
        file.truncate(offset + len(rows) * row_bytes)
