"""Named tensors and a JSON text in one safetensors file.

A file is written whole or not at all; reading never unpickles.
"""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from keiryo.files import replace_file

METADATA_KEY = "keiryo"


class TensorFileError(Exception):
    """A file that is damaged, is not safetensors, or lacks keiryo's text."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], text: str) -> None:
    """Write `tensors` and `text` to `path`; raise OSError if the disk is full."""
    with replace_file(path) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode
        try:
            save_file(
                {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
                temporary,
                metadata={METADATA_KEY: text},
            )
        except SafetensorError as error:
            # safetensors wraps the system's errors in its own. A full disk is the common one.
            if os.strerror(errno.ENOSPC) in str(error):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from None
            raise
        # safetensors makes files that only the owner may read, whatever the user's umask is.
        temporary.chmod(mode)


def read_text(path: Path) -> str:
    """Return the text in `path` without reading the tensors."""
    try:
        with _readable(path) as name, safe_open(name, framework="pt") as file:
            return (file.metadata() or {})[METADATA_KEY]
    except KeyError:
        raise TensorFileError("it lacks keiryo's description") from None
    except (SafetensorError, OSError) as error:
        raise TensorFileError(str(error)) from None


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return all tensors in `path`, on the CPU."""
    try:
        with _readable(path) as name, safe_open(name, framework="pt") as file:
            # The open file is not a mapping; only its keys can be iterated.
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise TensorFileError(str(error)) from None


@contextmanager
def _readable(path: Path) -> Iterator[str]:
    """Yield a name of the file at `path` that safetensors takes, which must be UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        with path.open("rb") as file:
            yield f"/dev/fd/{file.fileno()}"
    else:
        yield str(path)
