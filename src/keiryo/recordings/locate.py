"""The kinds of DATA, and the source of recordings that a given DATA is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from keiryo.errors import InputError
from keiryo.recordings.sources.recording_folder import is_recording_folder, open_recording_folder
from keiryo.recordings.sources.recording_table import is_recording_table, open_recording_table
from keiryo.recordings.sources.sound_files import SOUND_SUFFIXES
from keiryo.recordings.sources.source import RecordingSource
from keiryo.recordings.sources.tones import TONES, open_tones

# Each built-in set is opened by the whole DATA, options included, and the pattern of conditions.
BUILTIN_SETS: dict[str, Callable[[str, str | None], RecordingSource]] = {TONES: open_tones}


@dataclass(frozen=True)
class RecordingKind:
    """A kind of DATA: its description, whether a DATA is of this kind, and how it is opened.

    `open` takes DATA and the pattern of conditions, or None.
    """

    description: str
    matches: Callable[[str], bool]
    open: Callable[[str, str | None], RecordingSource]


def is_named_set(data: str) -> bool:
    """Return whether `data` is the name of a built-in set, with or without options, not a path."""
    return data.partition(":")[0] in BUILTIN_SETS


def locate_recordings(data: str, *, condition: str | None = None) -> RecordingSource:
    r"""Return the source of the first kind in `KINDS` that `data` matches.

    `condition` is a pattern whose named groups are the conditions in the files' names:
    `(?P<digit>\d)_(?P<speaker>[a-z]+)_`. Raises InputError if `data` matches no kind, if it has
    no recordings, or if the pattern cannot be used.
    """
    for kind in KINDS:
        if kind.matches(data):
            return kind.open(data, condition)
    path = Path(data)
    if path.is_file() and path.suffix.lower() in SOUND_SUFFIXES:
        raise InputError(f"{data}: a single recording; name the folder that it lies in")
    if path.exists():
        descriptions = ", ".join(kind.description for kind in KINDS)
        raise InputError(f"{data}: not a set of recordings; give one of these: {descriptions}")
    raise InputError(f"{data}: no such folder or file (sets by name: {', '.join(BUILTIN_SETS)})")


def _open_builtin(data: str, condition: str | None) -> RecordingSource:
    return BUILTIN_SETS[data.partition(":")[0]](data, condition)


KINDS = (
    RecordingKind(f"a built-in set ({', '.join(BUILTIN_SETS)})", is_named_set, _open_builtin),
    RecordingKind("a folder of recordings", is_recording_folder, open_recording_folder),
    RecordingKind("a .csv file that lists recordings", is_recording_table, open_recording_table),
)
