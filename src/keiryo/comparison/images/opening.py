"""The images of a comparison as a source: of its data, or of its own pack if the data is away."""

from dataclasses import dataclass
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


@dataclass(frozen=True)
class OpenedImages:
    """The source of a comparison's images, with a finding if it is not the data itself."""

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
        finding = Finding(
            code="data_away",
            severity="info",
            evidence=f"the comparison continues with its own pack, since its data is away: "
            f"{shown(str(error))}",
            advice="Nothing to do: the pack holds all images, and their checksums are right.",
        )
        return OpenedImages(PackSource(str(packed)), (finding,))


def check_unchanged(plan: Plan, out: Path, source: Source) -> Pack | None:
    """Return the pack in `out` to continue with; None if it must be made, or is the data itself.

    Raises InputError if it holds other images than `source`.
    """
    place = pack_place(out, plan)
    if isinstance(source, PackSource):
        if plan.data_fingerprint not in (None, source.content_fingerprint()):
            _refuse(plan, out, "has changed")
        return None
    try:
        pack = open_pack(place)
    except InputError:
        return None  # not there, or damaged: made again
    if pack.header.fingerprint != source.fingerprint():
        changes = difference(pack.survey, source)
        if changes:
            _refuse(plan, out, changes)
    return pack


def _refuse(plan: Plan, out: Path, changes: str) -> None:
    raise InputError(
        f"{plan.data}: {changes} since the comparison in {out} was begun, so its trials could not "
        "be compared; begin again with --force, or with another --out"
    )
