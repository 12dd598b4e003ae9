"""Folders within a user's folder that are no data: hidden, of the system, or written by keiryo."""

from pathlib import Path

# What archives, file servers and systems leave in a folder, in lower case. Their files are copies,
# thumbnails or deleted files.
SYSTEM_FOLDERS = frozenset(
    {
        *("__macosx", "__pycache__", "lost+found", "system volume information", "$recycle.bin"),
        *("@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot"),
    }
)
# A folder that keiryo wrote holds one of these files, and they say by which version.
OWN_FILES = ("plan.json", "wavenet-plan.json", "pack.json", "results.json")
VERSION_KEYS = (b'"format_version"', b'"keiryo_version"')
# The keys stand at the beginning, before lists that may be long.
BYTES_READ = 4096


def is_ignored(folder: Path) -> bool:
    """Return whether a folder within a user's folder is no data."""
    return folder.name.startswith(".") or is_told(folder)


def is_told(folder: Path) -> bool:
    """Return whether `folder` is ignored although its name is that of no hidden folder."""
    return folder.name.lower() in SYSTEM_FOLDERS or is_own_output(folder)


def is_own_output(folder: Path) -> bool:
    """Return whether keiryo wrote `folder`: a comparison, a training, or a pack."""
    return any(_says_version(folder / name) for name in OWN_FILES)


def _says_version(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(BYTES_READ)
    except OSError:
        return False
    return start.startswith(b"{") and any(key in start for key in VERSION_KEYS)
