"""Keiryo weighs neural networks before they ship.

Importing it is light; torch is loaded by the first call that needs it.
"""

from typing import TYPE_CHECKING, Any

from keiryo.version import __version__

if TYPE_CHECKING:
    from keiryo.api import compare as compare
    from keiryo.api import train_wavenet as train_wavenet
    from keiryo.cost.weighing import weigh as weigh
    from keiryo.export.predictor import load as load
    from keiryo.models.spec import build as build

_HOMES = {
    "build": "keiryo.models.spec",
    "compare": "keiryo.api",
    "load": "keiryo.export.predictor",
    "train_wavenet": "keiryo.api",
    "weigh": "keiryo.cost.weighing",
}

__all__ = ["__version__", "build", "compare", "load", "train_wavenet", "weigh"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'keiryo' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
