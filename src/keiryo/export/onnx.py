"""A trained classifier as an ONNX model, with its preprocessing inside."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from keiryo.errors import InputError
from keiryo.export.deployed import ImageClassifier
from keiryo.export.quiet import silence
from keiryo.models.saved import SavedModel
from keiryo.processes import without_output
from keiryo.version import __version__
from keiryo_runtime.engines import DESCRIPTION_KEY, INPUT, OUTPUT, Run

OPERATOR_SET = 17  # of the tracing exporter; the other one writes 18 or newer
NEWER_OPERATOR_SET = 20
CLASSES_KEY = "classes"
# The batch that is traced, and another one, by which a batch size that got fixed is found.
TRACED_BATCH, OTHER_BATCH = 2, 3
TOLERANCE = 1e-4  # of a probability
LONGEST_REASON = 300


def encode_onnx(network: nn.Module, description: SavedModel) -> bytes:
    """Return the ONNX model of a trained `network` in evaluation mode.

    Its input `images` is (N, size, size, 3), uint8, RGB; its output `probabilities` is
    (N, classes). The metadata hold the description as JSON under "keiryo", and the names of the
    classes as a JSON list under "classes".

    PyTorch's tracing exporter is tried first: it takes a thirtieth of the time of the other one,
    which captures the program, and writes smaller files. If what it wrote computes something else
    for another batch, the other one is tried. Raises InputError if the network can be exported by
    neither.
    """
    classifier = ImageClassifier(network, description.preprocessing).eval()
    size = description.preprocessing.size
    random = torch.Generator().manual_seed(0)
    images = torch.randint(
        0, 256, (OTHER_BATCH, size, size, 3), dtype=torch.uint8, generator=random
    )
    with torch.inference_mode():
        expected = classifier(images).numpy()
    reasons: list[str] = []
    for export in (_export_by_tracing, _export_by_capturing):
        try:
            # Where an operator stops it, PyTorch prints the whole graph.
            with silence("torch.onnx", "onnxscript"), without_output():
                encoded = export(classifier, images[:TRACED_BATCH])
            difference = float(np.abs(open_onnx(encoded)(images.numpy()) - expected).max())
        except Exception as error:  # the exporters and ONNX Runtime raise many kinds
            reasons.append(_first_line(error))
            continue
        if difference <= TOLERANCE:
            return _with_metadata(encoded, description)
        reasons.append(f"the probabilities of random images differ by {difference:.2g}")
    raise InputError(f"{description.model}: cannot be exported to ONNX: {reasons[0]}")


def open_onnx(encoded: bytes, *, threads: int = 1, exact: bool = False) -> Run:
    """Return a function from images (N, size, size, 3), uint8, to probabilities (N, classes).

    ONNX Runtime runs it on the processor. With `exact`, a model in int8 is computed in float from
    its rounded weights and activations, as a processor that never saturates would.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors
    if exact:
        # Without optimisation, rounded values are not put together to operators of integers.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(encoded, options, providers=["CPUExecutionProvider"])
    return lambda images: np.asarray(session.run([OUTPUT], {INPUT: images})[0])


def _export_by_tracing(classifier: nn.Module, images: Tensor) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.onnx")
        torch.onnx.export(
            classifier,
            (images,),
            file,
            dynamo=False,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
            opset_version=OPERATOR_SET,
        )
        return file.read_bytes()


def _export_by_capturing(classifier: nn.Module, images: Tensor) -> bytes:
    program = torch.onnx.export(
        classifier,
        (images,),
        dynamo=True,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes={INPUT: {0: torch.export.Dim("batch")}},
        opset_version=NEWER_OPERATOR_SET,
        verbose=False,
    )
    assert program is not None
    return program.model_proto.SerializeToString()


def classes_as_json(description: SavedModel) -> str:
    """Return the names of the classes as a JSON list."""
    return json.dumps(description.classes, ensure_ascii=False)


def _with_metadata(encoded: bytes, description: SavedModel) -> bytes:
    import onnx

    model: Any = onnx.load_from_string(encoded)
    model.producer_name, model.producer_version = "keiryo", __version__
    model.metadata_props.add(key=DESCRIPTION_KEY, value=description.model_dump_json())
    model.metadata_props.add(key=CLASSES_KEY, value=classes_as_json(description))
    return model.SerializeToString()


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:LONGEST_REASON]
