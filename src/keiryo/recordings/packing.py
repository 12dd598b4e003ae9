"""Making a pack of recordings: in bounded memory, whole or not at all.

It is made in a hidden folder beside its final place and then moved there, so that a visible pack is
complete.
"""

import shutil
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from keiryo.ahead import Progress
from keiryo.errors import InputError
from keiryo.files import move_folder, write_text
from keiryo.recordings.forming import (
    FormedRecording,
    RecordingForm,
    form_recording,
    temporary_files,
)
from keiryo.recordings.pack import (
    CODES_FILE,
    HEADER_FILE,
    LeftOutRecording,
    PackedRecording,
    RecordingPack,
    RecordingPackHeader,
    is_recording_pack,
    open_recording_pack,
)
from keiryo.recordings.sources.sound_files import SoundFormat, UnusableRecordingError
from keiryo.recordings.sources.source import RecordingSource
from keiryo.sealed_pack import lock_pack, npy_header

DEFAULT_FORM = RecordingForm()


def prepare_recording_pack(
    source: RecordingSource,
    *,
    folder: Path,
    form: RecordingForm = DEFAULT_FORM,
    workers: int = 1,
    progress: Progress = lambda done, total: None,
) -> RecordingPack:
    """Return the pack of `source` in `form` in `folder`; make it unless it is there and current.

    `workers` is the number of decoding threads; it changes only the time. `progress` is told the
    number of recordings done and of all. Recordings that cannot be used are left out and listed.
    Raises InputError if none is left, `form` is impossible, or `folder` holds something else.
    """
    form.check()
    is_foreign = folder.is_dir() and not is_recording_pack(folder) and any(folder.iterdir())
    if is_foreign or folder.is_file():
        raise InputError(f"{folder}: exists and is not a pack of recordings; name another folder")
    fingerprint = source.fingerprint()
    with lock_pack(folder):
        pack = _find(folder, fingerprint, form)
        return pack or _make(source, folder, fingerprint, form, workers, progress)


def _find(folder: Path, fingerprint: str, form: RecordingForm) -> RecordingPack | None:
    if not is_recording_pack(folder):
        return None
    try:
        pack = open_recording_pack(folder)
    except InputError:
        return None  # damaged or of an older version: made again
    is_same = (pack.header.fingerprint, pack.header.form) == (fingerprint, form)
    return pack if is_same else None


def _make(
    source: RecordingSource,
    folder: Path,
    fingerprint: str,
    form: RecordingForm,
    workers: int,
    progress: Progress,
) -> RecordingPack:
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a process that was killed
    unfinished.mkdir(parents=True)
    try:
        formats = [_format(source, index) for index in range(len(source.names))]
        rate = form.rate or _most_common_rate(source, formats)
        header = RecordingPackHeader(
            name=source.name,
            fingerprint=fingerprint,
            form=form,
            rate=rate,
            categories=source.conditions.categories,
            recordings=[],
            left_out=[],
            findings=list(source.findings),
        )
        _fill(source, formats, unfinished, header, workers, progress)
        if not header.recordings:
            raise InputError(_say_none_usable(source.name, header.left_out))
        write_text(unfinished / HEADER_FILE, header.with_checksum().model_dump_json())
        move_folder(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return open_recording_pack(folder, verify=False)


def _format(source: RecordingSource, index: int) -> SoundFormat | UnusableRecordingError:
    try:
        return source.format(index)
    except UnusableRecordingError as error:
        return error


def _most_common_rate(
    source: RecordingSource, formats: list[SoundFormat | UnusableRecordingError]
) -> int:
    rates = Counter(found.rate for found in formats if isinstance(found, SoundFormat))
    if not rates:
        left_out = [
            LeftOutRecording(name=name, code=error.code, reason=str(error))
            for name, error in zip(source.names, formats, strict=True)
            if isinstance(error, UnusableRecordingError)
        ]
        raise InputError(_say_none_usable(source.name, left_out))
    return max(rates, key=lambda rate: (rates[rate], rate))


def _say_none_usable(name: str, left_out: list[LeftOutRecording]) -> str:
    first = left_out[0]
    return (
        f"{name}: none of its {len(left_out)} recordings can be used; "
        f"the first, {first.name}: {first.reason}"
    )


def _fill(
    source: RecordingSource,
    formats: list[SoundFormat | UnusableRecordingError],
    folder: Path,
    header: RecordingPackHeader,
    workers: int,
    progress: Progress,
) -> None:
    """Write the codes of all recordings, and list them in `header`."""
    keep = temporary_files(folder)

    def form(index: int) -> FormedRecording | UnusableRecordingError:
        found = formats[index]
        if isinstance(found, UnusableRecordingError):
            return found
        try:
            return form_recording(
                source.blocks(index), found, rate=header.rate, form=header.form, keep=keep
            )
        except UnusableRecordingError as error:
            return error

    with (folder / CODES_FILE).open("wb") as file:
        file.write(npy_header((0,)))
        for index, made in enumerate(_in_order(form, len(source.names), workers)):
            name, found = source.names[index], formats[index]
            if isinstance(made, FormedRecording) and isinstance(found, SoundFormat):
                file.writelines(made.blocks)
                packed = PackedRecording(
                    name=name,
                    labels=source.conditions.labels[index],
                    samples=made.samples,
                    checksum=made.checksum,
                    rate=found.rate,
                    channels=found.channels,
                    trimmed=made.trimmed,
                    was_beyond_full_scale=made.was_beyond_full_scale,
                    notes=found.notes | made.notes,
                    split=None if source.splits is None else source.splits[index],
                    content=source.content(index) or "",
                )
                header.recordings.append(packed)
            elif isinstance(made, UnusableRecordingError):
                left = LeftOutRecording(
                    name=name, code=made.code, reason=str(made), content=source.content(index) or ""
                )
                header.left_out.append(left)
            progress(index + 1, len(source.names))
        file.seek(0)
        total = sum(recording.samples for recording in header.recordings)
        file.write(npy_header((total,)))


def _in_order(
    form: Callable[[int], FormedRecording | UnusableRecordingError], total: int, workers: int
) -> Iterator[FormedRecording | UnusableRecordingError]:
    """Yield `form(index)` for each of `total` indices, in order; threads work ahead."""
    with ThreadPoolExecutor(workers) as threads:
        waiting: deque[Future[FormedRecording | UnusableRecordingError]] = deque()
        try:
            for index in range(total):
                waiting.append(threads.submit(form, index))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
