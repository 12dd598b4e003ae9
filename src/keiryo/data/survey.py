"""All pictures of a source looked at once, on all cores: what each is, and which are alike."""

import signal
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from joblib import Parallel, delayed

from keiryo.data.facts import PictureFacts, pixel_digest
from keiryo.data.near_copies import NearCopy, find_near_copies, joined
from keiryo.data.pack_images import row_checksum
from keiryo.data.pictures import UnreadablePictureError
from keiryo.data.sources import Item, Source, Split
from keiryo.results import Finding, Fit, Record

PART_PICTURES = 256
LARGEST_PART_BYTES = 64_000_000
# Starting processes takes as long as some thousand small pictures take one thread.
FEWEST_FOR_PROCESSES = 1500
EXAMINED_SIZE = 128

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture that could be read; `checksum` is of its pixels as they were packed."""

    name: str
    label: int
    split: Split | None
    facts: PictureFacts
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One that could not; `code` is that of the finding."""

    name: str
    code: str
    reason: str


class Survey(Record):
    """What is known of all pictures of a source; `near_copies` are rows of `pictures`."""

    name: str
    classes: list[str]
    pictures: list[Picture]
    left_out: list[LeftOut]
    near_copies: list[NearCopy]
    findings: list[Finding]


class Part(Record):
    """Some pictures in a row, read."""

    start: int
    entries: list[Picture | LeftOut]


@dataclass(frozen=True)
class Target:
    """Where fitted pictures go: picture number n at byte `offset` + n times its size."""

    path: Path
    offset: int
    size: int
    fit: Fit


def survey(
    source: Source, *, workers: int, progress: Progress = lambda done, total: None
) -> Survey:
    """Read all pictures of `source` and return what they are; nothing is written.

    `progress` is told how many are done, of how many.
    """
    total = len(source.items)
    entries: list[Picture | LeftOut] = []
    for part in read_parts(source, parts_of(total, EXAMINED_SIZE), workers=workers):
        entries += part.entries
        progress(len(entries), total)
    return concluded(source, entries)


def parts_of(total: int, size: int) -> list[range]:
    """Return the numbers of `total` pictures in portions whose pixels fit into memory."""
    pictures = max(1, min(PART_PICTURES, LARGEST_PART_BYTES // (size * size * 3)))
    return [range(start, min(start + pictures, total)) for start in range(0, total, pictures)]


def read_parts(
    source: Source, parts: Sequence[range], *, workers: int, target: Target | None = None
) -> Iterator[Part]:
    """Read the pictures of `parts` on `workers` cores; yield what came of each, in that order.

    With `target`, the fitted pixels of each are written there; of a picture that cannot
    be read, zeros.
    """
    # Many pictures are read by processes, since Python runs but one thread at a time.
    # Loky's, unlike the standard library's, never run the user's own script again.
    by_processes = workers > 1 and sum(map(len, parts)) >= FEWEST_FOR_PROCESSES
    jobs = (
        delayed(_read_part)(
            source.part(part),
            source.items[part.start : part.stop],
            part,
            target,
            own_process=by_processes,
        )
        for part in parts
    )
    pool = Parallel(workers, backend="loky" if by_processes else "threading", return_as="generator")
    done: Iterator[Part] = iter(pool(jobs))  # pyright: ignore[reportAssignmentType]
    yield from done


def _read_part(
    source: Source, items: Sequence[Item], part: range, target: Target | None, *, own_process: bool
) -> Part:
    if own_process:
        # A Ctrl-C reaches every process of the terminal, and is for the parent to act on.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        cv2.setNumThreads(1)
    size, fit = (target.size, target.fit) if target else (EXAMINED_SIZE, "crop")
    pixels = np.zeros((len(part), size, size, 3), np.uint8)
    entries: list[Picture | LeftOut] = []
    for index, item, square in zip(part, items, pixels, strict=True):
        try:
            reading = source.read(index, size, fit)
        except UnreadablePictureError as failure:
            entries.append(LeftOut(item.name, failure.code, str(failure)))
        else:
            square[:] = reading.pixels
            checksum = row_checksum(square.data) if target else ""
            entries.append(Picture(item.name, item.label, item.split, reading.facts, checksum))
    if target is not None:
        with target.path.open("r+b") as file:
            file.seek(target.offset + part.start * pixels[0].nbytes)
            file.write(pixels.data)
    return Part(start=part.start, entries=entries)


def concluded(source: Source, entries: Sequence[Picture | LeftOut]) -> Survey:
    """Return the survey of `source` whose pictures were read as `entries`, in order."""
    rows = [index for index, entry in enumerate(entries) if isinstance(entry, Picture)]
    pictures = [entry for entry in entries if isinstance(entry, Picture)]
    near = find_near_copies([picture.facts.hash for picture in pictures])
    pictures = _with_copies_across_scales(source, rows, pictures, near)
    return Survey(
        name=source.name,
        classes=list(source.classes),
        pictures=pictures,
        left_out=[entry for entry in entries if isinstance(entry, LeftOut)],
        near_copies=[
            (one, other, distance)
            for one, other, distance in near
            if pictures[one].facts.digest != pictures[other].facts.digest
        ],
        findings=list(source.findings),
    )


def _with_copies_across_scales(
    source: Source, rows: Sequence[int], pictures: list[Picture], near: Sequence[NearCopy]
) -> list[Picture]:
    """Give the same digest to pictures of the same pixels that were decoded at different scales.

    Only a JPEG is decoded at a smaller one; so a copy of it as PNG can be told by its
    own pixels alone, which are looked at where pictures look the same and are as large.
    """
    pictures = list(pictures)
    similar: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    groups = joined(np.arange(len(pictures)), near)
    for row in sorted({row for pair in near for row in pair[:2]}):
        facts = pictures[row].facts
        similar[int(groups[row]), facts.width, facts.height].append(row)
    for group in similar.values():
        if len({pictures[row].facts.scale for row in group}) == 1:
            continue
        digests: dict[str, str] = {}
        for row in group:
            whole = pixel_digest(source.read_whole(rows[row]))
            digest = digests.setdefault(whole, pictures[row].facts.digest)
            facts = replace(pictures[row].facts, digest=digest)
            pictures[row] = replace(pictures[row], facts=facts)
    return pictures
