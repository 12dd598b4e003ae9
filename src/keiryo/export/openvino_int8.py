"""An OpenVINO classifier in int8, quantised by NNCF after the training."""

import logging
import sys
from collections.abc import Collection
from importlib import import_module
from typing import Any

import numpy as np

from keiryo.export.openvino import read_openvino
from keiryo.export.quiet import silence

BATCH = 32
# OpenVINO's reader of ONNX appends this to the name of a product whose bias it separates.
WITHOUT_BIAS = "/WithoutBiases"


def quantize_openvino(encoded: bytes, images: np.ndarray, in_float: Collection[str] = ()) -> Any:
    """Return the OpenVINO model in int8 of the ONNX model in `encoded`.

    It is calibrated on `images` (N, size, size, 3), uint8. The layers `in_float`, named as in the
    ONNX model, stay in float. Weights take half of their range (`overflow_fix`), so that processors
    without instructions for dot products of bytes do not saturate.
    """
    with silence("nncf", at=logging.WARNING):
        nncf, advanced = _import_nncf()
        model = read_openvino(encoded)
        kept = [
            operation.get_friendly_name()
            for operation in model.get_ops()
            if operation.get_friendly_name().removesuffix(WITHOUT_BIAS) in in_float
        ]
        batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        return nncf.quantize(
            model,
            nncf.Dataset(batches),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(batches),
            ignored_scope=nncf.IgnoredScope(names=kept) if kept else None,
            advanced_parameters=advanced.AdvancedQuantizationParameters(
                overflow_fix=advanced.OverflowFix.ENABLE
            ),
        )


def _import_nncf() -> tuple[Any, Any]:
    """Import NNCF without what sends statistics of its use to Intel, which it asks nobody about."""
    name = "openvino_telemetry"
    before = sys.modules.get(name)
    sys.modules[name] = None  # pyright: ignore[reportArgumentType] # an import of it then fails
    try:
        return import_module("nncf"), import_module("nncf.quantization.advanced_parameters")
    finally:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
