"""The kinds of DATA, and the source of images that a given DATA is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from keiryo.data.packs.pack import PackSource, is_pack
from keiryo.data.sources.digits import open_digits
from keiryo.data.sources.download import Progress, no_progress
from keiryo.data.sources.image_folder import is_folder, open_folder
from keiryo.data.sources.image_table import is_table, open_table
from keiryo.data.sources.petals import open_petals
from keiryo.data.sources.published import PUBLISHED_SETS, fetch_published_set
from keiryo.data.sources.shards import are_shards, open_shards
from keiryo.data.sources.source import Source
from keiryo.data.sources.storage import is_url
from keiryo.errors import InputError

# Each built-in set is opened by the whole DATA, options included.
BUILTIN_SETS: dict[str, Callable[[str], Source]] = {
    "petals": open_petals,
    "digits": open_digits,
}


@dataclass(frozen=True)
class SourceKind:
    """A kind of DATA: its description, whether a DATA is of this kind, and how it is opened."""

    description: str
    matches: Callable[[str], bool]
    open: Callable[[str], Source]


def is_named_set(data: str) -> bool:
    """Return whether `data` is the name of a built-in or published set, not a path."""
    return _is_builtin(data) or _is_published(data)


def locate(data: str, *, progress: Progress = no_progress) -> Source:
    """Return the source of the first kind in `KINDS` that `data` matches.

    A published set is downloaded first; `progress` is told the bytes done and the bytes in all.
    Raises InputError if `data` matches no kind or has a single class.
    """
    is_published = _is_published(data)
    place = str(fetch_published_set(data, progress=progress)) if is_published else data
    kind = next((kind for kind in KINDS if kind.matches(place)), None)
    if kind is None:
        raise InputError(f"{data}: {_reason_for_no_match(data)}")
    source = kind.open(place)
    if is_published:
        source.name = data
    if len(source.classes) < 2:
        raise InputError(
            f"{data}: only one class, '{source.classes[0]}'; a classifier needs at least two: "
            "one folder of images a class"
        )
    return source


def _is_builtin(data: str) -> bool:
    return data.partition(":")[0] in BUILTIN_SETS


def _open_builtin(data: str) -> Source:
    return BUILTIN_SETS[data.partition(":")[0]](data)


def _is_published(data: str) -> bool:
    return data in PUBLISHED_SETS and not Path(data).exists()


def _reason_for_no_match(data: str) -> str:
    if is_url(data):
        return "neither a pack nor tar shards; a URL must name one of these"
    if Path(data).exists():
        descriptions = ", ".join(kind.description for kind in KINDS)
        return f"not a set of images; give one of these: {descriptions}"
    return f"no such folder or file (sets by name: {', '.join((*BUILTIN_SETS, *PUBLISHED_SETS))})"


# The order matters: tar shards and packs may be folders too.
KINDS = (
    SourceKind(f"a built-in set ({', '.join(BUILTIN_SETS)})", _is_builtin, _open_builtin),
    SourceKind("tar shards (.tar)", are_shards, open_shards),
    SourceKind("a pack", is_pack, PackSource),
    SourceKind("a folder with a folder of images for each class", is_folder, open_folder),
    SourceKind("a .csv file that lists images", is_table, open_table),
)
