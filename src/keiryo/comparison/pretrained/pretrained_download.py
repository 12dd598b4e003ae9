"""Pretrained weights from a URL or a publisher: downloaded once, verified, kept in the cache."""

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from keiryo.data.sources.download import Progress, download, no_progress
from keiryo.data.sources.published import cache_folder
from keiryo.errors import InputError
from keiryo.models.weights.imagenet_weights import PublishedWeights

WEIGHTS_FOLDER = "weights"
PUBLISHED_FOLDER = "imagenet"
SHA256_DIGITS = 64
# The convention of torch.hub: a file's name ends in the first digits of its SHA-256.
DIGITS_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.[a-z]+$")
# The text that Git LFS keeps in place of a large file.
POINTER_DIGEST = re.compile(r"^oid sha256:([0-9a-f]{64})$", re.MULTILINE)


def fetch_weights(url: str, *, cache: Path | None = None, progress: Progress = no_progress) -> Path:
    """Return the path of the file at `url` in `cache` (None: `cache_folder()`), downloaded once.

    The digest must be that at the end of `url` (`#sha256=HEX`) or of the file's name
    (`resnet18-f37072fd.pth`); without either, the file is not verified. Raises InputError if it
    cannot be downloaded or has another digest, and OSError if the cache cannot be written.
    """
    address, _, fragment = url.partition("#")
    name = Path(unquote(urlsplit(address).path)).name
    expected = ""
    if fragment:
        key, _, expected = fragment.lower().partition("=")
        if key != "sha256" or not re.fullmatch(rf"[0-9a-f]{{{SHA256_DIGITS}}}", expected):
            raise InputError(f"--pretrained {url}: after # stands sha256= and its 64 digits")
    elif found := DIGITS_IN_NAME.search(name):
        expected = found[1]
    # On many servers all files are called model.safetensors.
    digest = hashlib.blake2b(address.encode(), digest_size=8).hexdigest()
    path = (cache or cache_folder()) / WEIGHTS_FOLDER / digest / (name or "weights")
    if not expected:
        # Without a digest, nothing shows that the pieces are of one file.
        path.with_name(f"{path.name}.part").unlink(missing_ok=True)
    download(address, path, checksum=f"sha256:{expected}", progress=progress)
    return path


def fetch_published_weights(
    weights: PublishedWeights, *, cache: Path | None = None, progress: Progress = no_progress
) -> Path:
    """Return the path of published `weights` in `cache` (None: `cache_folder()`).

    They are downloaded once, resumed if interrupted, and verified by the known digits of their
    SHA-256, or by those that the publisher says beside the file. A file without known digits that
    is in the cache already, put there by hand, is taken as it is. With $KEIRYO_MIRROR, the file is
    downloaded from there under its name in the cache. Raises InputError and OSError as
    `fetch_weights` does.
    """
    folder = (cache or cache_folder()) / WEIGHTS_FOLDER / PUBLISHED_FOLDER
    path = folder / weights.file_name
    if path.is_file() and not weights.sha256:
        return path
    mirror = os.environ.get("KEIRYO_MIRROR")
    url = f"{mirror.rstrip('/')}/{weights.file_name}" if mirror else weights.url
    expected = weights.sha256
    if not expected and not mirror and weights.pointer_url is not None:
        expected = _digest_by_pointer(weights, path)
    if not expected:
        path.with_name(f"{path.name}.part").unlink(missing_ok=True)
    download(url, path, checksum=f"sha256:{expected}", progress=progress)
    return path


def _digest_by_pointer(weights: PublishedWeights, path: Path) -> str:
    """Return the SHA-256 that the publisher says beside the file that belongs at `path`."""
    pointer = path.with_name(f"{path.name}.pointer")
    pointer.unlink(missing_ok=True)
    assert weights.pointer_url is not None
    by_hand = f"or download the file by hand and put it at {path}"
    try:
        download(weights.pointer_url, pointer, checksum="sha256:")
        found = POINTER_DIGEST.search(pointer.read_text(encoding="utf-8", errors="replace"))
    except InputError as error:
        reason = str(error).removeprefix(f"{weights.pointer_url}: ").partition(";")[0]
        raise InputError(
            f"{weights.url}: its checksum cannot be had: {reason}; connect to the internet and try "
            f"again, {by_hand}"
        ) from None
    finally:
        pointer.unlink(missing_ok=True)
    if found is None:
        raise InputError(
            f"{weights.url}: the publisher says no checksum; try again later, {by_hand}"
        )
    return found[1]
