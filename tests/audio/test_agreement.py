"""Generation gives what the whole network gives: the same outputs, and the same samples."""

from typing import Any

import numpy as np
import pytest
import torch

from keiryo.audio.generation.buffered import BufferedStepper
from keiryo.audio.generation.compiled import CompiledStepper
from keiryo.audio.generation.layer_weights import round_to_int8
from keiryo.audio.generation.naive import NaiveStepper
from keiryo.audio.generation.sampling import Draws, Sampling, draw
from keiryo.models.wavenet import WaveNetConfiguration
from wavenets import OPTIONS, full_outputs, small_wavenet

STEPS = 2000


def differences(
    samples: np.ndarray,
    outputs: torch.Tensor,
    draws: np.ndarray,
    configuration: WaveNetConfiguration,
    sampling: Sampling,
) -> np.ndarray:
    """Return where `samples` are not those drawn from `outputs`, (streams, steps).

    A draw that falls within rounding of the border between two values may give either, so
    what both borders give counts as equal.
    """
    count = samples.shape[0] * samples.shape[1]
    flat = outputs.reshape(count, -1)
    numbers = torch.from_numpy(draws.reshape(count, -1))
    wrong = torch.ones(count, dtype=torch.bool)
    for nudge in (0.0, -1e-6, 1e-6):
        drawn = draw(flat, (numbers + nudge).clamp(0, 1), configuration, sampling)
        wrong &= drawn != torch.from_numpy(samples.reshape(-1))
    return wrong.reshape(samples.shape).numpy()


@pytest.mark.parametrize("option", OPTIONS)
def test_2000_steps_are_those_of_the_full_forward_pass(option: str) -> None:
    given = small_wavenet(option)
    configuration = given.network.configuration
    draws = Draws(1, 1, configuration).take(STEPS)
    stepper = CompiledStepper(given.network, labels=given.labels, local=given.local)
    steps = stepper.advance(draws, keep_outputs=True)
    assert steps.outputs is not None
    expected = full_outputs(given, torch.from_numpy(steps.samples))
    assert float(expected.std()) > 0.02
    np.testing.assert_allclose(steps.outputs, expected, rtol=0, atol=1e-4)
    assert len(np.unique(steps.samples)) > 10
    wrong = differences(steps.samples, expected, draws, configuration, Sampling())
    assert not wrong.any()


@pytest.mark.parametrize("option", ["softmax", "kernel of 3", "labels", "local, repeated", "all"])
@pytest.mark.parametrize("kind", [NaiveStepper, BufferedStepper])
def test_all_ways_draw_the_same_samples(option: str, kind: Any) -> None:
    given = small_wavenet(option, streams=3, samples=200)
    draws = Draws(2, 3, given.network.configuration).take(150)
    conditions = {"streams": 3, "labels": given.labels, "local": given.local}
    fast = CompiledStepper(given.network, **conditions).advance(draws, keep_outputs=True)
    other = kind(given.network, **conditions)
    # In two calls, so that each goes on from where it was.
    first = other.advance(draws[:, :70], keep_outputs=True)
    second = other.advance(draws[:, 70:], keep_outputs=True)
    np.testing.assert_array_equal(fast.samples[:, :70], first.samples)
    np.testing.assert_array_equal(fast.samples[:, 70:], second.samples)
    np.testing.assert_allclose(fast.outputs[:, 70:], second.outputs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("streams", [1, 4, 7])
@pytest.mark.parametrize("option", ["softmax", "all"])
def test_in_int8_it_is_the_network_with_rounded_weights(option: str, streams: int) -> None:
    given = small_wavenet(option, streams=streams)
    draws = Draws(3, streams, given.network.configuration).take(STEPS)
    stepper = CompiledStepper(
        given.network,
        streams=streams,
        labels=given.labels,
        local=given.local,
        weights="int8",
        threads=2,
    )
    steps = stepper.advance(draws, keep_outputs=True)
    rounded = given._replace(network=round_to_int8(given.network))
    samples = torch.from_numpy(steps.samples)
    expected = full_outputs(rounded, samples)
    # Inputs of products are rounded to 16 bits too, which is less than weights are.
    away = float((torch.from_numpy(steps.outputs) - expected).abs().max())
    assert away < 1e-3
    assert away < 0.05 * float((full_outputs(given, samples) - expected).abs().max())


def test_many_streams_in_threads_are_each_as_if_alone() -> None:
    given = small_wavenet("labels", streams=7)
    draws = Draws(4, 7, given.network.configuration).take(300)
    assert given.labels is not None
    together = CompiledStepper(given.network, streams=7, labels=given.labels, threads=2)
    steps = together.advance(draws, keep_outputs=True)
    for stream in range(7):
        alone = CompiledStepper(given.network, labels=given.labels[stream])
        expected = alone.advance(draws[stream : stream + 1], keep_outputs=True)
        # Bit for bit: a difference in the last place would once be one in a sample.
        np.testing.assert_array_equal(steps.outputs[stream], expected.outputs[0])
        np.testing.assert_array_equal(steps.samples[stream], expected.samples[0])


@pytest.mark.parametrize("option", ["local, repeated", "local, transposed"])
def test_conditions_of_a_long_piece_are_taken_in_parts(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = small_wavenet(option, streams=2)
    draws = Draws(8, 2, given.network.configuration).take(190)
    whole = CompiledStepper(given.network, streams=2, local=given.local).advance(draws)
    monkeypatch.setattr("keiryo.audio.generation.compiled.CONDITION_BYTES", 1)
    in_parts = CompiledStepper(given.network, streams=2, local=given.local)
    buffered = BufferedStepper(given.network, streams=2, local=given.local, most_steps=32)
    for stepper in (in_parts, buffered):
        # 70 is amid a frame.
        pieces = [stepper.advance(draws[:, :70]), stepper.advance(draws[:, 70:])]
        samples = np.concatenate([piece.samples for piece in pieces], axis=1)
        np.testing.assert_array_equal(samples, whole.samples)


@pytest.mark.parametrize("kind", [CompiledStepper, BufferedStepper, NaiveStepper])
def test_given_samples_are_taken_and_what_follows_hangs_on_them(kind: Any) -> None:
    given = small_wavenet("local, transposed", streams=2, samples=200)
    primer = np.random.default_rng(0).integers(0, 32, (2, 90)).astype(np.float32)
    draws = Draws(5, 2, given.network.configuration).take(200)
    stepper = kind(given.network, streams=2, local=given.local)
    samples = stepper.advance(draws, primer).samples
    np.testing.assert_array_equal(samples[:, :90], primer)
    outputs = full_outputs(given, torch.from_numpy(samples))
    wrong = differences(samples, outputs, draws, given.network.configuration, Sampling())
    assert not wrong[:, 90:].any()


@pytest.mark.parametrize(
    "sampling",
    [Sampling(temperature=0), Sampling(temperature=0.6), Sampling(top_p=0.5)],
    ids=str,
)
def test_every_way_of_sampling(sampling: Sampling) -> None:
    given = small_wavenet("softmax")
    configuration = given.network.configuration
    draws = Draws(6, 1, configuration).take(STEPS)
    steps = CompiledStepper(given.network, sampling=sampling).advance(draws, keep_outputs=True)
    outputs = torch.from_numpy(steps.outputs)
    wrong = differences(steps.samples, outputs, draws, configuration, sampling)
    # Of top_p the set of codes itself may hang on rounding.
    assert wrong.sum() <= (2 if sampling.top_p < 1 else 0)


@pytest.mark.parametrize("weights", ["float32", "int8"])
@pytest.mark.parametrize("option", ["softmax", "logistics"])
def test_what_is_not_finite_is_not_hidden(option: str, weights: Any) -> None:
    given = small_wavenet(option)
    draws = Draws(7, 1, given.network.configuration).take(5)
    with torch.no_grad():
        given.network.units[3].filter_gate.bias[2] = torch.nan
    for stepper in (
        CompiledStepper(given.network, weights=weights),
        BufferedStepper(given.network),
        NaiveStepper(given.network),
    ):
        with pytest.raises(FloatingPointError, match="not finite"):
            stepper.advance(draws)
