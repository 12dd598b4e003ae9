"""The models of the service: exported files, each under a name."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keiryo.errors import InputError
from keiryo.records.places import MODEL_FILE, RESULTS_FILE
from keiryo_runtime import ModelError, Predictor
from keiryo_runtime.engines import ENGINES, find_exported_file

# Files of these names are called by their folder's.
USUAL_STEMS = ("model", "model-int8", "model-openvino", "model-openvino-int8")


@dataclass(frozen=True)
class ServedModel:
    """An exported model and the name that requests give it."""

    name: str
    predictor: Predictor

    def describe(self) -> dict[str, Any]:
        """Return the description for clients, which holds no path."""
        return {
            "name": self.name,
            "classes": self.predictor.classes,
            "size": self.predictor.size,
            "fit": self.predictor.fit,
        }


Models = dict[str, ServedModel]


def load_models(artifacts: Sequence[str], *, threads: int) -> Models:
    """Load each artifact, `PATH` or `NAME=PATH`: a file, a trial's folder or a comparison's.

    A trial's folder holds one exported file. Of a comparison, the recommended trial is taken.
    Raises InputError if one cannot be loaded or two have the same name.
    """
    models: Models = {}
    for artifact in artifacts:
        name, path = _split(artifact)
        file = find_artifact(path)
        name = name or _name_of(file)
        if name in models:
            raise InputError(
                f"{artifact}: another model is named {name}, too; name one of them: OTHER={path}"
            )
        try:
            models[name] = ServedModel(name, Predictor(file, threads=threads))
        except ModelError as error:
            raise InputError(str(error)) from None
    return models


def find_artifact(path: Path) -> Path:
    """Return the exported file that `path` names. Raises InputError if there is not exactly one."""
    if path.is_dir():
        if (found := find_exported_file(path)) is not None:
            return found
        if (path / RESULTS_FILE).exists():
            return find_artifact(_recommended_trial(path))
        several = sorted(file.name for file in path.iterdir() if file.suffix in ENGINES)
        several += sorted(entry.name for entry in path.glob("model-*/"))
        if len(several) > 1:
            raise InputError(f"{path}: holds {', '.join(several)}; name one of them")
        if several:
            return find_artifact(path / several[0])
        raise InputError(_not_exported(path))
    if path.name == MODEL_FILE and path.exists():
        raise InputError(_not_exported(path.parent))
    return path


def _not_exported(folder: Path) -> str:
    if (folder / MODEL_FILE).exists():
        return f"{folder}: not exported yet; run keiryo export {folder} --to onnx"
    return f"{folder}: holds no exported model; name a file that `keiryo export` wrote"


def _recommended_trial(folder: Path) -> Path:
    results = folder / RESULTS_FILE
    try:
        recommended = json.loads(results.read_bytes())["recommended_trial"]
    except (ValueError, TypeError, KeyError):
        raise InputError(f"{results}: not a comparison's; name an exported file") from None
    if not isinstance(recommended, str) or (folder / recommended / RESULTS_FILE).exists():
        raise InputError(f"{folder}: the comparison recommends no model; name a trial's folder")
    return folder / recommended


def _split(artifact: str) -> tuple[str, Path]:
    name, equals, rest = artifact.partition("=")
    # Folders of trials have an equals sign in their names.
    if equals and "/" not in name and not Path(artifact).exists():
        if not name.strip():
            raise InputError(f"{artifact}: no name before the equals sign; give NAME=PATH")
        return name, Path(rest).expanduser()
    return "", Path(artifact).expanduser()


def _name_of(file: Path) -> str:
    """Return the name of a file, or of the folder of a file that all models' files are named as."""
    stem, folder = file.stem, file.resolve().parent
    if folder.name in USUAL_STEMS:  # OpenVINO's
        stem, folder = folder.name, folder.parent
    if stem not in USUAL_STEMS or not folder.name:
        return stem
    return folder.name + stem.removeprefix("model")
