"""A model of three classes, red, green and blue, that takes a millisecond to make and to run."""

import io
import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper
from PIL import Image

CLASSES = ("red", "green", "blue")
SIZE = 8


def write_color_model(path: Path, classes: tuple[str, ...] = CLASSES) -> Path:
    """Write an exported model: its probabilities are the softmax of an image's mean color."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Softmax", ["means"], ["probabilities"], axis=1),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", SIZE, SIZE, 3])
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3])
    model = helper.make_model(
        helper.make_graph(nodes, "colors", [images], [output]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    description = {
        "format_version": 1,
        "classes": classes,
        "preprocessing": {"size": SIZE, "fit": "crop"},
    }
    helper.set_model_props(model, {"keiryo": json.dumps(description)})
    path.write_bytes(model.SerializeToString())
    return path


def encode(color: str | tuple[int, int, int], *, size: int = 12, kind: str = "PNG") -> bytes:
    """Return an image file of one color."""
    file = io.BytesIO()
    Image.new("RGB", (size, size), color).save(file, kind)
    return file.getvalue()


def encode_noise(size: int, seed: int = 0) -> bytes:
    """Return a PNG file of random pixels, which compress little."""
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
