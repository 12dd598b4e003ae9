"""Files in a folder that the user names, and names to show for them."""

import os
from collections.abc import Callable
from pathlib import Path

from keiryo.errors import InputError


def subfolders(root: Path) -> list[Path]:
    """Return the folders in `root`, without hidden ones and links that lead up again."""
    above = {root.resolve(), *root.resolve().parents}
    return _listed(
        root,
        lambda path: (
            path.is_dir() and not path.name.startswith(".") and path.resolve() not in above
        ),
    )


def files_below(folder: Path) -> list[Path]:
    """Return all files below `folder`, through links too, but none twice by a loop of them."""
    found: list[Path] = []
    # A link that leads up again would bring in what belongs to other classes.
    real = folder.resolve()
    seen = {real, *real.parents, *(place.resolve() for place in folder.absolute().parents)}
    for place, folders, files in os.walk(folder, onerror=_refuse_unreadable, followlinks=True):
        found += [Path(place, name) for name in files]
        for name in [*folders]:
            real = Path(place, name).resolve()
            if real in seen:
                folders.remove(name)
            seen.add(real)
    return sorted(found, key=lambda path: path.parts)  # as paths are, but many times faster


def _refuse_unreadable(error: OSError) -> None:
    raise InputError(f"{error.filename}: may not be read ({error.strerror})") from None


def readable_name(path: Path, root: Path) -> str:
    """Return the name relative to `root`, whose bytes need not be UTF-8, as text to be shown."""
    text = os.fsencode(path.relative_to(root)).decode("utf-8", "backslashreplace")
    # A terminal would obey what a name holds of its control characters.
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _listed(root: Path, wanted: Callable[[Path], bool]) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if wanted(path))
    except PermissionError:
        raise InputError(f"{root}: may not be read") from None
