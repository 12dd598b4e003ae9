"""`keiryo.load`: the predictor of a trained or an exported model."""

from pathlib import Path
from typing import TYPE_CHECKING

from keiryo.errors import InputError
from keiryo.export.exported_predictor import ExportedPredictor
from keiryo.records.places import MODEL_FILE
from keiryo_runtime.engines import find_exported_file

if TYPE_CHECKING:  # which loads torch, and an exported model needs none
    from keiryo.export.predictor import Predictor


def load(
    artifact: str | Path, *, source: str | Path | None = None
) -> "Predictor | ExportedPredictor":
    """Return the predictor of a trial's folder, of a comparison's, or of a model file.

    That of a comparison is its recommended model. A file that `keiryo export` wrote, or a folder of
    one, is run by its own engine, without PyTorch. `source` is the FILE.py of a network of your
    own, if it is not where it was at the training. Raises InputError if there is no such model.
    """
    path = Path(artifact).expanduser()
    if not (path / MODEL_FILE).exists() and find_exported_file(path) is not None:
        if source is not None:
            raise InputError(f"--model-source {source}: {path} holds its network; leave it out")
        return ExportedPredictor(path)
    from keiryo.export.predictor import Predictor
    from keiryo.models.saved import find_model_file

    place = None if source is None else Path(source).expanduser()
    return Predictor(find_model_file(path), source=place)
