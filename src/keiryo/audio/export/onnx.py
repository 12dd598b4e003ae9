"""The step of a WaveNet as an ONNX file, compared with keiryo's own generation.

A network can then generate with any ONNX runtime: in C, on a phone, in a browser.
"""

import importlib
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch

from keiryo.audio.export.onnx_step import WaveNetStep
from keiryo.audio.generation.compiled import CompiledStepper
from keiryo.audio.generation.sampling import Draws
from keiryo.audio.saved import SavedWaveNet
from keiryo.errors import InputError
from keiryo.files import replace_file
from keiryo.models.wavenet import WaveNet
from keiryo.records.wavenet import ExportedStep

NEEDED = ("onnx", "onnxruntime")
OPERATOR_SET = 17
OUTPUTS = ["outputs", "next_state"]
# The most that outputs may differ at any step, since float32 sums are in another order.
TOLERANCE = 1e-3
# Steps past the receptive field, so that the oldest sample in it is checked too.
FEWEST_CHECKED_STEPS = 200
MOST_CHECKED_STEPS = 8000
DESCRIPTION_KEY = "keiryo"


def export_step(path: Path, network: WaveNet, description: SavedWaveNet) -> ExportedStep:
    """Write the step of `network` to `path`, if ONNX Runtime computes the same outputs with it.

    `description` goes into the file as JSON under the key "keiryo". Raises InputError if a
    package that this needs is not installed, FloatingPointError if the network's outputs are
    not finite.
    """
    for module in NEEDED:
        try:
            importlib.import_module(module)
        except ImportError:
            raise InputError(f"{module} is not installed; pip install 'keiryo[onnx]'") from None
    encoded = _encode_step(network, description)
    steps = min(network.configuration.receptive_field + FEWEST_CHECKED_STEPS, MOST_CHECKED_STEPS)
    difference, rate = _compare(encoded, network, steps)
    if not difference <= TOLERANCE:
        # This is a fault of keiryo or ONNX Runtime, not of the user's input.
        raise RuntimeError(f"outputs of the ONNX file differ from the network's by {difference}")
    with replace_file(path) as temporary:
        temporary.write_bytes(encoded)
    return ExportedStep(
        path=str(path),
        size_bytes=len(encoded),
        checked_steps=steps,
        largest_difference=difference,
        samples_per_second=rate,
        real_time_factor=rate / description.rate,
    )


def _encode_step(network: WaveNet, description: SavedWaveNet) -> bytes:
    import onnx

    step = WaveNetStep(network).eval()
    inputs = step.first_inputs(2, [0] * len(network.configuration.labels))
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        file = Path(folder, "step.onnx")
        torch.onnx.export(
            step,
            kwargs=inputs,
            f=file,
            dynamo=False,
            input_names=list(inputs),
            output_names=OUTPUTS,
            dynamic_axes={name: {0: "streams"} for name in [*inputs, *OUTPUTS]},
            opset_version=OPERATOR_SET,
        )
        model = onnx.load(file)
    model.metadata_props.add(key=DESCRIPTION_KEY, value=description.model_dump_json())
    return model.SerializeToString()


def _compare(encoded: bytes, network: WaveNet, steps: int) -> tuple[float, float]:
    """Return the largest difference from keiryo's generation, and ONNX Runtime's steps a second.

    Both are given random samples and the last value of each label.
    """
    import onnxruntime

    configuration = network.configuration
    random = np.random.default_rng(0)
    if configuration.output == "softmax":
        samples = random.integers(0, configuration.levels, (1, steps))
    else:
        samples = random.uniform(-1, 1, (1, steps)).astype(np.float32)
    labels = torch.tensor([values - 1 for values in configuration.labels])
    frames = -(-steps // configuration.samples_per_frame)
    local = torch.from_numpy(random.normal(size=(1, configuration.local_channels, frames))).float()
    given_local = local if configuration.local_channels else None
    given_labels = labels if configuration.labels else None
    stepper = CompiledStepper(network, labels=given_labels, local=given_local)
    draws = Draws(0, 1, configuration).take(steps)
    expected = stepper.advance(draws, samples.astype(np.float32), keep_outputs=True).outputs
    assert expected is not None
    if not np.isfinite(expected).all():
        raise FloatingPointError("the network's output is not finite")
    with torch.no_grad():
        upsampled = network.upsample(given_local)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(encoded, options, providers=["CPUExecutionProvider"])
    inputs = {
        name: value.numpy()
        for name, value in WaveNetStep(network).first_inputs(1, labels.tolist()).items()
    }
    largest = 0.0
    began = time.perf_counter()
    for step in range(steps):
        if upsampled is not None:
            inputs["local"] = upsampled[:, :, step].numpy()
        outputs, inputs["state"] = map(np.asarray, session.run(None, inputs))
        # Not by max(), which would ignore NaN.
        largest = float(np.maximum(largest, np.abs(outputs - expected[:, step]).max()))
        inputs["sample"] = samples[:, step]
    return largest, steps / (time.perf_counter() - began)
