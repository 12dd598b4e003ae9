"""The recordings of a training as a pack: of its data, or its own pack if the data is away."""

from pathlib import Path

from keiryo.ahead import Progress
from keiryo.audio.plan import PACK_FOLDER, WaveNetPlan
from keiryo.errors import InputError
from keiryo.files import shown
from keiryo.processes import hide_library_remarks
from keiryo.recordings.content import difference
from keiryo.recordings.locate import locate_recordings
from keiryo.recordings.pack import RecordingPack, is_recording_pack, open_recording_pack
from keiryo.recordings.packing import prepare_recording_pack
from keiryo.recordings.sources.source import RecordingSource
from keiryo.records.base import Finding
from keiryo.sealed_pack import data_away


def open_recordings(
    plan: WaveNetPlan, out: Path, *, resume: bool, progress: Progress
) -> tuple[RecordingPack, list[Finding]]:
    """Return the pack of the recordings of `plan`, made if needed, and findings about it.

    A training that continues takes the pack in `out` if it holds all recordings that there are now,
    judged by their content; some of its own may be away. Raises InputError if there are new or
    other recordings, or no data and no whole pack.
    """
    folder = out / PACK_FOLDER
    try:
        source = locate_recordings(plan.data, condition=plan.condition)
    except InputError as error:
        if not resume or not is_recording_pack(folder):
            raise
        return open_recording_pack(folder), [data_away("training", shown(str(error)))]
    if resume and (held := _held(plan, out, source)) is not None:
        return held
    with hide_library_remarks():  # on odd files, which are findings
        pack = prepare_recording_pack(
            source, folder=folder, form=plan.form, workers=plan.threads, progress=progress
        )
    return pack, []


def _held(
    plan: WaveNetPlan, out: Path, source: RecordingSource
) -> tuple[RecordingPack, list[Finding]] | None:
    """Return the pack in `out`, if it is whole, with a finding if some of its data is away."""
    try:
        pack = open_recording_pack(out / PACK_FOLDER)
    except InputError:
        return None  # not there, or damaged: made again
    if pack.header.form != plan.form:
        return None
    if pack.header.fingerprint == source.fingerprint():
        return pack, []
    found = difference(pack.header, source)
    if not found.is_held:
        words = f" ({found.words})" if found.words else ""
        raise InputError(
            f"{plan.data}: has changed{words} since the training in {out} was begun; begin again "
            "with --force, or with another --out"
        )
    return pack, [found.finding("training")] if found.gone else []
