"""Pretrained weights from a URL: downloaded once, verified, kept in the cache."""

import hashlib
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from keiryo.data.sources.download import Progress, download, no_progress
from keiryo.data.sources.published import cache_folder
from keiryo.errors import InputError

WEIGHTS_FOLDER = "weights"
SHA256_DIGITS = 64
# The convention of torch.hub: a file's name ends in the first digits of its SHA-256.
DIGITS_IN_NAME = re.compile(r"-([0-9a-f]{8})\.[a-z]+$")


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
