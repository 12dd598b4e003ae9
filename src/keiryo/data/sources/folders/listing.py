"""Files and subfolders of a user's folder, and their names to show."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from keiryo.data.sources.folders.ignored import is_ignored, is_told
from keiryo.errors import InputError


def subfolders(root: Path) -> list[Path]:
    """Return the folders in `root` that are not ignored, nor links to `root` or a folder above."""
    above = {root.resolve(), *root.resolve().parents}
    return _list(
        root,
        lambda path: path.is_dir() and path.resolve() not in above and not is_ignored(path),
    )


def ignored_folders(root: Path) -> list[Path]:
    """Return the ignored folders in `root` that a user may take for data: none with a dot."""
    return _list(root, lambda path: path.is_dir() and is_told(path))


def files_below(folder: Path) -> list[Path]:
    """Return all files below `folder`, also through links, but none twice through a loop.

    Files in ignored folders are left out.
    """
    # The order of paths, but many times faster.
    return sorted(_walk(folder), key=lambda path: path.parts)


def any_file_below(folder: Path, wanted: Callable[[Path], bool]) -> bool:
    """Return whether one of the files below `folder` is `wanted`; the first one is enough."""
    return any(wanted(path) for path in _walk(folder))


def _walk(folder: Path) -> Iterator[Path]:
    # A link to a folder above would add images of other classes.
    real = folder.resolve()
    seen = {real, *real.parents, *(place.resolve() for place in folder.absolute().parents)}
    for place, folders, files in os.walk(folder, onerror=_refuse_unreadable, followlinks=True):
        for name in files:
            yield Path(place, name)
        for name in [*folders]:
            real = Path(place, name).resolve()
            if real in seen or is_ignored(Path(place, name)):
                folders.remove(name)
            seen.add(real)


def _refuse_unreadable(error: OSError) -> None:
    raise InputError(f"{error.filename}: may not be read ({error.strerror})") from None


def readable_name(path: Path, root: Path) -> str:
    """Return the path relative to `root` as text to show, even if its bytes are not UTF-8."""
    text = os.fsencode(path.relative_to(root)).decode("utf-8", "backslashreplace")
    # A terminal would obey control characters in a name.
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _list(root: Path, wanted: Callable[[Path], bool]) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if wanted(path))
    except PermissionError:
        raise InputError(f"{root}: may not be read") from None
