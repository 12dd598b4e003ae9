"""Run image classifiers that `keiryo export` wrote, without PyTorch."""

from keiryo_runtime.decoding import UnreadableImageError
from keiryo_runtime.engines import ModelError
from keiryo_runtime.predictor import Guess, Predictor, load

__all__ = ["Guess", "ModelError", "Predictor", "UnreadableImageError", "load"]
__version__ = "0.1.0"
