"""A trained classifier as an OpenVINO model: `model.xml` and `model.bin`."""

import re
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from keiryo.export.onnx import CLASSES_KEY, DESCRIPTION_KEY, classes_as_json
from keiryo.models.saved import SavedModel

GRAPH_FILE, WEIGHTS_FILE = "model.xml", "model.bin"


def read_openvino(encoded: bytes) -> Any:
    """Return the OpenVINO model that computes what the ONNX model in `encoded` does."""
    openvino: Any = import_module("openvino")
    transformations: Any = import_module("openvino._offline_transformations")
    # Unlike `openvino.convert_model`, this sends no statistics of its use to Intel. Like it, it
    # simplifies the graph: a ReLU6 is read as five operators, and NNCF would round between them.
    model = openvino.Core().read_model(encoded)
    transformations.apply_moc_transformations(model, cf=True, smart_reshape=False)
    return model


def encode_openvino(model: Any, description: SavedModel) -> dict[str, bytes]:
    """Return the files of an OpenVINO model by name.

    Its runtime information holds the description under "keiryo" and the names of the classes under
    "classes", as the metadata of an ONNX model do.
    """
    openvino: Any = import_module("openvino")
    model.set_rt_info(description.model_dump_json(), [DESCRIPTION_KEY])
    model.set_rt_info(classes_as_json(description), [CLASSES_KEY])
    with tempfile.TemporaryDirectory() as folder:
        # Weights of 16 bits, OpenVINO's default, would move probabilities by more than rounding.
        openvino.save_model(model, Path(folder, GRAPH_FILE), compress_to_fp16=False)
        files = {name: Path(folder, name).read_bytes() for name in (GRAPH_FILE, WEIGHTS_FILE)}
    # A sixth of the graph is indentation. A "<" within a text is written otherwise.
    files[GRAPH_FILE] = re.sub(rb">\s+<", b"><", files[GRAPH_FILE])
    return files
