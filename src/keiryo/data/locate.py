"""From what the user typed as DATA to a source of labelled images."""

from collections.abc import Callable
from pathlib import Path

from keiryo.data.packs.pack import PackSource, is_pack
from keiryo.data.sources.digits import Digits
from keiryo.data.sources.download import Progress, no_progress
from keiryo.data.sources.image_folder import open_folder
from keiryo.data.sources.image_table import open_table
from keiryo.data.sources.petals import Petals
from keiryo.data.sources.published import PUBLISHED_SETS, fetch_published_set
from keiryo.data.sources.shards import are_shards, shard_source
from keiryo.data.sources.source import Source
from keiryo.data.sources.storage import is_url
from keiryo.errors import InputError

# Built-in sets: how each is made, and its options, which are whole numbers.
BUILTIN_SETS: dict[str, tuple[Callable[..., Source], tuple[str, ...]]] = {
    "petals": (Petals, ("count", "seed")),
    "digits": (Digits, ()),
}


def is_named_set(data: str) -> bool:
    """Return whether `data` is the name of a set, built in or published, and no place."""
    return _is_builtin(data) or (data in PUBLISHED_SETS and not Path(data).exists())


def locate(data: str, *, progress: Progress = no_progress) -> Source:
    """Return the source that `data` names, by the first of `KINDS` that knows it.

    `progress` is told how many bytes of a published set have come, of how many. Raises
    InputError if there is no such source, or if it has a single class.
    """
    kinds = (open_source for is_named, open_source in KINDS if is_named(data))
    source = next(kinds, _refuse)(data, progress)
    if len(source.classes) < 2:
        raise InputError(
            f"{data}: only one class, '{source.classes[0]}'; a classifier needs at least two: "
            "one folder of images a class"
        )
    return source


def _is_builtin(data: str) -> bool:
    return data.partition(":")[0] in BUILTIN_SETS


def _open_builtin(data: str, progress: Progress) -> Source:
    name, _, options = data.partition(":")
    make, allowed = BUILTIN_SETS[name]
    given: dict[str, int] = {}
    for part in filter(None, options.split(",")):
        key, _, value = part.partition("=")
        if key not in allowed:
            raise InputError(f"{data}: {name} has no option '{key}'")
        if not value.isdecimal():
            raise InputError(f"{data}: {key} must be a whole number")
        given[key] = int(value)
    return make(**given)


def _open_published(data: str, progress: Progress) -> Source:
    source = open_folder(fetch_published_set(data, progress=progress))
    source.name = data
    return source


def _refuse(data: str, progress: Progress) -> Source:
    if is_url(data):
        raise InputError(f"{data}: neither a pack nor tar shards; a URL must name one of these")
    if Path(data).exists():
        raise InputError(f"{data}: neither a folder of images, nor a .csv file, nor .tar shards")
    names = ", ".join((*BUILTIN_SETS, *PUBLISHED_SETS))
    raise InputError(f"{data}: no such folder or file (sets by name: {names})")


# Whether DATA is of a kind, and how it is opened; the first that knows it.
KINDS: tuple[tuple[Callable[[str], bool], Callable[[str, Progress], Source]], ...] = (
    (_is_builtin, _open_builtin),
    (is_named_set, _open_published),
    (are_shards, lambda data, progress: shard_source(data)),
    (is_pack, lambda data, progress: PackSource(data)),
    (lambda data: Path(data).is_dir(), lambda data, progress: open_folder(Path(data))),
    (
        lambda data: Path(data).is_file() and Path(data).suffix.lower() == ".csv",
        lambda data, progress: open_table(Path(data)),
    ),
)
