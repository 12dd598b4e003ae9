"""Keiryo weighs neural networks before they ship.

Importing it is light; torch is loaded by the first call that needs it.
"""

from typing import TYPE_CHECKING, Any

from keiryo.version import __version__

if TYPE_CHECKING:
    from keiryo.api import preview as preview
    from keiryo.cost.weighing import weigh as weigh
    from keiryo.export.loading import load as load
    from keiryo.models.spec import build as build
    from keiryo.with_progress import compare as compare
    from keiryo.with_progress import train_wavenet as train_wavenet

_HOMES = {
    "build": "keiryo.models.spec",
    "compare": "keiryo.with_progress",
    "load": "keiryo.export.loading",
    "preview": "keiryo.api",
    "train_wavenet": "keiryo.with_progress",
    "weigh": "keiryo.cost.weighing",
}

__all__ = ["__version__", "build", "compare", "load", "preview", "train_wavenet", "weigh"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'keiryo' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    # What is loaded late is there as well, for completion in a notebook.
    return sorted({*globals(), *_HOMES})
