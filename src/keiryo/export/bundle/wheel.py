"""The runtime as a wheel, made from the package that runs here."""

import hashlib
import io
import zipfile
from base64 import urlsafe_b64encode
from importlib.metadata import version
from pathlib import Path

import keiryo_runtime
from keiryo_runtime.engines import ENGINES, REQUIREMENTS

# The least that a ZIP file can hold, so that equal contents give equal bytes.
NO_TIME = (1980, 1, 1, 0, 0, 0)


def runtime_wheel() -> tuple[str, bytes]:
    """Return the file name and the bytes of a wheel of `keiryo_runtime`."""
    package = Path(keiryo_runtime.__file__).parent
    release = f"keiryo_runtime-{keiryo_runtime.__version__}"
    files = {f"{package.name}/{file.name}": file.read_bytes() for file in package.glob("*.py")}
    metadata = [
        "Metadata-Version: 2.4",
        "Name: keiryo-runtime",
        f"Version: {keiryo_runtime.__version__}",
        "Summary: Run image classifiers that keiryo exported, without PyTorch.",
        "License-Expression: Apache-2.0",
        "Requires-Python: >=3.11",
        *(f"Requires-Dist: {requirement}" for requirement in REQUIREMENTS),
    ]
    wheel = ["Wheel-Version: 1.0", "Generator: keiryo", "Root-Is-Purelib: true"]
    files[f"{release}.dist-info/METADATA"] = _lines(metadata)
    files[f"{release}.dist-info/WHEEL"] = _lines([*wheel, "Tag: py3-none-any"])
    record = f"{release}.dist-info/RECORD"
    rows = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in sorted(files.items())]
    files[record] = _lines([*rows, f"{record},,"])
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in sorted(files.items()):
            opened.writestr(zipfile.ZipInfo(name, NO_TIME), data, zipfile.ZIP_DEFLATED)
    return f"{release}-py3-none-any.whl", archive.getvalue()


def pinned_requirements(suffix: str) -> list[str]:
    """Return what runs a model file with this suffix, at the versions that are installed here."""
    engine = ENGINES[suffix]
    wanted = dict.fromkeys(_name(each) for each in (*REQUIREMENTS, engine.requirement))
    return [f"{name}=={version(name)}" for name in wanted]


def _name(requirement: str) -> str:
    return requirement.partition(">")[0]


def _lines(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _digest(data: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
