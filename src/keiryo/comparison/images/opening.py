"""The images of a comparison as a source: of its data, or of its own pack if the data is away."""

from dataclasses import dataclass, replace
from pathlib import Path

from keiryo.comparison.plan import PACK_FOLDER, Plan, pack_place
from keiryo.data.locate import locate
from keiryo.data.packs.content import difference
from keiryo.data.packs.pack import Pack, PackSource, is_pack, open_pack
from keiryo.data.sources.download import Progress, no_progress
from keiryo.data.sources.source import Source
from keiryo.errors import InputError
from keiryo.files import shown
from keiryo.records.base import Finding
from keiryo.sealed_pack import data_away


@dataclass(frozen=True)
class OpenedImages:
    """The source of a comparison's images, with findings if it is not the whole data."""

    source: Source
    findings: tuple[Finding, ...] = ()


def open_images(
    plan: Plan, out: Path, *, resume: bool, progress: Progress = no_progress
) -> OpenedImages:
    """Return the images of `plan`; a comparison that continues needs only the pack in `out`.

    `progress` is told the bytes of a download. Raises InputError as `locate`, if there is no whole
    pack to continue with.
    """
    try:
        return OpenedImages(locate(plan.data, progress=progress))
    except InputError as error:
        packed = out / PACK_FOLDER
        if not resume or not is_pack(packed):
            raise
        finding = data_away("comparison", shown(str(error)))
        return OpenedImages(PackSource(str(packed)), (finding,))


def check_unchanged(
    plan: Plan, out: Path, opened: OpenedImages
) -> tuple[Pack | None, OpenedImages]:
    """Return the pack in `out` to continue with, and what was opened, with all findings.

    The pack is None if it must be made, or is the data itself. Images that are no longer there are
    no hindrance, since the pack holds them. Raises InputError if there are new or other images.
    """
    source = opened.source
    if isinstance(source, PackSource):
        if plan.data_fingerprint not in (None, source.content_fingerprint()):
            _refuse(plan, out, "has changed")
        return None, opened
    try:
        pack = open_pack(pack_place(out, plan))
    except InputError:
        return None, opened  # not there, or damaged: made again
    if pack.header.fingerprint != source.fingerprint():
        found = difference(pack.survey, source)
        if not found.is_held:
            _refuse(plan, out, f"has changed ({found.words})" if found.words else "has changed")
        if found.gone:
            gone = found.finding("comparison")
            opened = replace(opened, findings=(*opened.findings, gone))
    return pack, opened


def _refuse(plan: Plan, out: Path, changes: str) -> None:
    raise InputError(
        f"{plan.data}: {changes} since the comparison in {out} was begun, so its trials could not "
        "be compared; begin again with --force, or with another --out"
    )
