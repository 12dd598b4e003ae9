"""An ONNX classifier in int8 that computes the same on every processor.

Weights are integers of 7 bits, with a scale for each output channel. Activations are of 8 bits
without sign. Processors without instructions for dot products of bytes (AVX2 without VNNI) add two
products of 8 bits in 16 bits, where they saturate: 2 x 255 x 128 is more than 32,767. With 7 bits,
2 x 255 x 64 is not, so that the file answers alike everywhere.
"""

import logging
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from keiryo.export.onnx import open_onnx
from keiryo_runtime.engines import INPUT

BATCH = 32
# Layers whose products are worth integers, and what may stay in integers between them. Softmax, and
# the arithmetic of preprocessing and of normalisation layers, stay in float.
PRODUCTS = ("Conv", "Gemm", "MatMul")
BETWEEN = (
    *("Add", "Concat", "Clip", "Relu", "MaxPool", "AveragePool", "GlobalAveragePool"),
    *("ReduceMean", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze"),
)
LOWEST = "lowest float"
TENSOR_FLOAT = 1  # onnx.TensorProto.FLOAT


class Int8Quantizer:
    """The quantiser of one float ONNX model, calibrated on `images` (N, size, size, 3), uint8."""

    def __init__(self, encoded: bytes, images: np.ndarray) -> None:
        from onnxruntime.quantization.shape_inference import quant_pre_process

        self._images = images
        self._folder = tempfile.TemporaryDirectory()  # is removed with this object
        folder = Path(self._folder.name)
        self._float, self._calibration = folder / "float.onnx", folder / "ranges.json"
        original = folder / "original.onnx"
        original.write_bytes(encoded)
        with _quiet():
            quant_pre_process(original, self._float)
        graph = self._read(self._float).graph
        self.layers = [node.name for node in graph.node if node.op_type in PRODUCTS]
        constants = {tensor.name for tensor in graph.initializer}
        self._of_norms = [
            node.name
            for node in graph.node
            if node.op_type == "Add" and constants.intersection(node.input)
        ]

    def quantize(self, in_float: Collection[str] = ()) -> bytes:
        """Return the model in int8, but for the layers `in_float`."""
        from onnxruntime import quantization

        class Reader(quantization.CalibrationDataReader):
            def __init__(self, images: np.ndarray) -> None:
                self._batches = (
                    images[start : start + BATCH] for start in range(0, len(images), BATCH)
                )

            def get_next(self) -> Any:
                batch = next(self._batches, None)
                return None if batch is None else {INPUT: batch}

        result = self._float.with_name("int8.onnx")
        with _quiet():
            quantization.quantize_static(
                self._float,
                result,
                Reader(self._images),
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=[*PRODUCTS, *BETWEEN],
                per_channel=True,
                reduce_range=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                nodes_to_exclude=[*self._of_norms, *in_float],
                calibration_cache_path=self._calibration,
            )
        model = self._read(result)
        _keep_in_float(model, in_float)
        return _compact(model)

    def rank_layers(self) -> list[str]:
        """Return the layers, the one that hurts most in int8 first.

        The harm of a layer is the mean difference of a probability when it alone is in int8, in
        exact arithmetic.
        """
        expected = open_onnx(self._float.read_bytes())(self._images)
        harm: dict[str, float] = {}
        for layer in self.layers:
            alone = self.quantize([other for other in self.layers if other != layer])
            found = open_onnx(alone, exact=True)(self._images)
            harm[layer] = float(np.abs(found - expected).mean())
        return sorted(self.layers, key=lambda layer: -harm[layer])

    @staticmethod
    def _read(path: Path) -> Any:
        import onnx

        return onnx.load(str(path))


def _keep_in_float(model: Any, layers: Collection[str]) -> None:
    """Put an operator that changes nothing before each of the `layers`.

    ONNX Runtime's optimiser (WeightBiasQuantization) else rounds the weights of a float layer to
    integers of 8 bits, with one scale for all channels, where its input is a rounded tensor.
    """
    from onnx import helper

    graph = model.graph
    for place in range(len(graph.node) - 1, -1, -1):
        node = graph.node[place]
        if node.name in layers:
            unchanged = f"{node.input[0]}_before_{node.name}"
            graph.node.insert(place, helper.make_node("Clip", [node.input[0], LOWEST], [unchanged]))
            node.input[0] = unchanged
    if layers:
        lowest = float(np.finfo(np.float32).min)
        graph.initializer.append(helper.make_tensor(LOWEST, TENSOR_FLOAT, [], [lowest]))


def _compact(model: Any) -> bytes:
    """Return the bytes of a quantised model without what its runtimes do not need.

    Names are shortened, and zero points of zero, the default, are left out.
    """
    import onnx
    from onnx import numpy_helper

    graph = model.graph
    zeros = {
        tensor.name
        for tensor in graph.initializer
        if tensor.data_type in (onnx.TensorProto.INT8, onnx.TensorProto.INT32)
        and not numpy_helper.to_array(tensor).any()
    }
    unused: set[str] = set()
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and len(node.input) == 3 and node.input[2] in zeros:
            unused.add(node.input.pop())
    kept = [tensor for tensor in graph.initializer if tensor.name not in unused]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]
    fixed = {value.name for value in (*graph.input, *graph.output)} | {""}
    short: dict[str, str] = {}

    def rename(name: str) -> str:
        return name if name in fixed else short.setdefault(name, f"{len(short):x}")

    for tensor in graph.initializer:
        tensor.name = rename(tensor.name)
    for node in graph.node:
        node.name = ""
        node.input[:] = [rename(name) for name in node.input]
        node.output[:] = [rename(name) for name in node.output]
    return model.SerializeToString()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the quantiser's advice, which it gives to the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
