"""The step that keeps nothing gives what the whole network gives, in PyTorch and as ONNX."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from keiryo.audio.export.onnx import DESCRIPTION_KEY, export_step
from keiryo.audio.export.onnx_step import WaveNetStep
from keiryo.audio.saved import SavedWaveNet
from keiryo.models.wavenet import WaveNetConfiguration
from wavenets import OPTIONS, Conditioned, full_outputs, small_wavenet

STREAMS, STEPS = 2, 150


def some_samples(configuration: WaveNetConfiguration) -> Tensor:
    if configuration.output == "softmax":
        return torch.randint(0, configuration.levels, (STREAMS, STEPS))
    return torch.rand(STREAMS, STEPS) * 2 - 1


def outputs_step_by_step(run: Any, given: Conditioned, samples: Tensor) -> np.ndarray:
    """Return the outputs (streams, steps, channels) of `run`, which takes inputs by name."""
    first = {} if given.labels is None else {"labels": given.labels}
    inputs = WaveNetStep(given.network).first_inputs(STREAMS, [0] * len(first)) | first
    upsampled = given.network.upsample(given.local)
    found = []
    for step in range(STEPS):
        if upsampled is not None:
            inputs["local"] = upsampled[:, :, step]
        outputs, inputs["state"] = run(inputs)
        found.append(np.asarray(outputs))
        inputs["sample"] = samples[:, step]
    return np.stack(found, axis=1)


@pytest.mark.parametrize("option", OPTIONS)
@torch.no_grad()
def test_steps_are_those_of_the_whole_network(option: str) -> None:
    given = small_wavenet(option, streams=STREAMS, samples=STEPS)
    step = WaveNetStep(given.network)
    samples = some_samples(given.network.configuration)
    found = outputs_step_by_step(lambda inputs: step(**inputs), given, samples)
    np.testing.assert_allclose(found, full_outputs(given, samples), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "option",
    [
        *(pytest.param(name, marks=pytest.mark.slow) for name in OPTIONS if name != "all"),
        "all",
    ],
)
@torch.no_grad()
def test_the_file_gives_the_same_for_any_number_of_streams(option: str, tmp_path: Path) -> None:
    given = small_wavenet(option, streams=STREAMS, samples=STEPS)
    configuration = given.network.configuration
    description = SavedWaveNet(
        keiryo_version="0", rate=8000, categories=[], configuration=configuration
    )
    exported = export_step(tmp_path / "step.onnx", given.network, description)
    assert exported.checked_steps > configuration.receptive_field
    assert exported.largest_difference < 1e-4
    session = onnxruntime.InferenceSession(exported.path)
    state = session.get_inputs()[1]
    assert state.shape == ["streams", WaveNetStep(given.network).state_elements]
    assert session.get_outputs()[1].shape == state.shape
    kept = session.get_modelmeta().custom_metadata_map[DESCRIPTION_KEY]
    assert json.loads(kept)["rate"] == 8000

    def run(inputs: dict[str, Tensor]) -> list[Tensor]:
        arrays = {name: value.numpy() for name, value in inputs.items()}
        return [torch.from_numpy(output) for output in session.run(None, arrays)]

    samples = some_samples(configuration)
    found = outputs_step_by_step(run, given, samples)
    np.testing.assert_allclose(found, full_outputs(given, samples), rtol=0, atol=1e-4)
