"""timm's networks, beside any build of PyTorch.

timm imports torchvision, whose usual wheels are linked to a CUDA build. Beside PyTorch for the
processor their compiled operators cannot be loaded, and torchvision then fails to import although
no classifier needs them. So their names are declared first, without any implementation.
"""

import difflib
import importlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from keiryo.errors import InputError, one_line

TIMM_PREFIX = "timm/"
LIBRARY = "torchvision"
OPERATOR = re.compile(r"torchvision::(\w+)")
REGISTRATIONS = ("_meta_registrations.py", "_autograd_registrations.py")
# PyTorch forgets an operator when the library that declares it is freed.
_declared: list[torch.library.Library] = []


def build_timm_network(spec: str, classes: int | None) -> nn.Module:
    """Return the network that `spec`, `timm/NAME`, names; `classes` None: without a classifier.

    Raises InputError if there is none of this name.
    """
    timm = _import_timm(spec)
    name = spec.removeprefix(TIMM_PREFIX)
    try:
        return timm.create_model(name, pretrained=False, num_classes=classes or 0)
    except RuntimeError as error:
        nearest = difflib.get_close_matches(name, timm.list_models(), n=1)
        suggestion = f"; did you mean {TIMM_PREFIX}{nearest[0]}?" if nearest else ""
        raise InputError(f"{spec}: {one_line(error)}{suggestion}") from error


def _import_timm(spec: str) -> ModuleType:
    try:
        declare_missing_operators()
        return importlib.import_module("timm")
    except Exception as error:  # its and torchvision's imports may fail in many ways
        # Named with PyTorch's version, lest pip takes another PyTorch for torchvision's sake.
        version = torch.__version__.partition("+")[0]
        raise InputError(
            f"{spec}: timm cannot be imported ({one_line(error)}); "
            f"pip install 'keiryo[timm]' 'torch=={version}'"
        ) from error


def declare_missing_operators() -> None:
    """Declare the operators of a torchvision whose compiled part this PyTorch cannot load.

    Without torchvision, or with one that fits, nothing is done.
    """
    if _declared or LIBRARY in sys.modules:
        return
    found = importlib.util.find_spec(LIBRARY)
    if found is None or not found.submodule_search_locations:
        return
    folder = Path(found.submodule_search_locations[0])
    if _loads(folder):
        return
    library = torch.library.Library(LIBRARY, "FRAGMENT")
    _declared.append(library)
    for name in sorted(_names_in(folder)):
        library.define(f"{name}(...) -> ...")


def _loads(folder: Path) -> bool:
    """Return True if the compiled operators are there and can be loaded."""
    for file in [*folder.glob("_C*.so"), *folder.glob("_C*.pyd")]:
        try:
            torch.ops.load_library(str(file))
        except (ImportError, OSError):
            continue
        return True
    return False


def _names_in(folder: Path) -> set[str]:
    names: set[str] = set()
    for file in REGISTRATIONS:
        if (folder / file).is_file():
            names.update(OPERATOR.findall((folder / file).read_text(encoding="utf-8")))
    return names
