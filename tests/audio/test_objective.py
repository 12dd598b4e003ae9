"""What a WaveNet is trained on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from keiryo.audio.training.evaluation import counts_of_codes, entropy_of_codes, held_out_likelihood
from keiryo.audio.training.initialization import initialize
from keiryo.audio.training.objective import (
    SoundBatch,
    codes_of_samples,
    levels_of_codes,
    likelihoods,
    on_device,
    outputs_by_convolutions,
    outputs_by_layers,
    outputs_by_rows,
    outputs_for_targets,
)
from keiryo.models.wavenet import Output, WaveNet, WaveNetConfiguration
from keiryo.recordings.chunks import Chunks
from small_recordings import pack_in_memory, pack_of, tone, write
from wavenets import OPTIONS, small_wavenet

CPU = torch.device("cpu")
TRAINABLE = [
    name for name in OPTIONS if not name.startswith("local") and name not in ("all", "labels")
]


def assert_same_way(network: WaveNet, batch: SoundBatch) -> torch.Tensor:
    """Outputs, and every parameter's gradient, are those of calling the network."""
    expected, expected_gradients = with_gradients(outputs_by_layers, network, batch)
    for way in (outputs_by_rows, outputs_by_convolutions):
        outputs, gradients = with_gradients(way, network, batch)
        torch.testing.assert_close(outputs, expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(gradients, expected_gradients, atol=1e-3, rtol=1e-3)
    return expected


def with_gradients(
    way: Callable[[WaveNet, SoundBatch], torch.Tensor], network: WaveNet, batch: SoundBatch
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    outputs = way(network, batch)
    direction = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(0))
    network.zero_grad()
    (outputs.float() * direction).sum().backward()
    gradients = [parameter.grad for parameter in network.parameters()]
    return outputs.detach(), [gradient for gradient in gradients if gradient is not None]


@pytest.mark.parametrize("option", TRAINABLE)
def test_the_shorter_way_gives_what_the_network_gives(option: str) -> None:
    given = small_wavenet(option)
    configuration = given.network.configuration
    network = WaveNet(replace(configuration, levels=256)).eval()
    pack = pack_in_memory([700, 90])
    chunks = Chunks(pack, np.arange(2), context=configuration.receptive_field, samples=120)
    batch = on_device(chunks.batch(np.arange(len(chunks))), CPU)
    assert_same_way(network, batch)


def test_labels_are_heard_in_both_ways(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write(tmp_path / "set" / f"{name}.wav", tone(300))
    pack = pack_of(tmp_path / "set", tmp_path / "pack", condition="(?P<who>.)")
    network = WaveNet(WaveNetConfiguration(stacks=1, layers_per_stack=3, labels=(3,))).eval()
    context = network.configuration.receptive_field
    chunks = Chunks(pack, np.arange(3), context=context, samples=300)
    batch = on_device(chunks.batch(np.arange(3)), CPU)
    shorter = assert_same_way(network, batch)
    assert not torch.allclose(shorter[0], shorter[1], atol=1e-3)


def test_half_precision_trains_as_well() -> None:
    # As on processors with units for it; without them it is slow, but possible.
    network = small_wavenet("softmax").network
    network = WaveNet(replace(network.configuration, levels=256))
    pack = pack_in_memory([300])
    chunks = Chunks(pack, np.arange(1), context=network.configuration.receptive_field, samples=99)
    batch = on_device(chunks.batch(np.arange(2)), CPU)
    exact, gradients = with_gradients(outputs_for_targets, network, batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded, rounded_gradients = with_gradients(outputs_for_targets, network, batch)
        _, of_layers = with_gradients(outputs_by_layers, network, batch)
    torch.testing.assert_close(rounded.float(), exact, atol=0.05, rtol=0.05)
    # Gradients are as near as those of the network called as it is, in the same precision.
    assert away(rounded_gradients, gradients) < 1.5 * away(of_layers, gradients)


def away(gradients: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    """Return the largest distance of a gradient from the one expected, as a share of that."""
    return max(
        float((one - other).norm() / other.norm())
        for one, other in zip(gradients, expected, strict=True)
    )


def test_each_sample_counts_once_given_all_that_comes_before() -> None:
    pack = pack_in_memory([500, 130, 61])
    network = small_wavenet("softmax").network
    network = WaveNet(replace(network.configuration, levels=256)).eval()
    context = network.configuration.receptive_field
    expected = []
    for row in range(3):
        # A recording as a whole, silence before it, of which no target is left out.
        codes = np.concatenate((np.full(context, 128), pack.recording(row)))
        with torch.no_grad():
            likelihood = network.log_likelihood(torch.from_numpy(codes)[None].long())
        expected.append(-likelihood[0, context:])
    for samples in (60, 500):
        chunks = Chunks(pack, np.arange(3), context=context, samples=samples)
        found = held_out_likelihood(network, chunks, batch=3, device=CPU)
        assert found.samples == 691
        assert found.nats_per_sample == pytest.approx(float(torch.cat(expected).mean()), abs=1e-5)
        assert found.bits_per_sample == pytest.approx(found.nats_per_sample / np.log(2))


def test_padding_has_no_part_in_the_loss() -> None:
    pack = pack_in_memory([100, 30])
    network = WaveNet(WaveNetConfiguration(stacks=1, layers_per_stack=3))
    context = network.configuration.receptive_field
    batch = on_device(Chunks(pack, np.arange(2), context=context, samples=100).batch(
        np.arange(2)
    ), CPU)  # fmt: skip
    codes = batch.codes.clone()
    codes[1, context + 30 :] = 7
    losses = []
    for one in (batch, replace(batch, codes=codes)):
        likelihood = likelihoods(outputs_for_targets(network, one), network, one)
        assert (likelihood[1, 30:] == 0).all()
        losses.append(float(likelihood.detach().sum()))
    assert losses[0] == losses[1]


def test_codes_survive_as_levels_of_a_mixture() -> None:
    codes = torch.arange(256)
    levels = levels_of_codes(codes)
    assert levels.min() == -1
    assert levels.max() == 1
    np.testing.assert_array_equal(codes_of_samples(levels.numpy()), codes.numpy())


def test_guessing_costs_the_entropy_of_the_codes() -> None:
    pack = pack_in_memory([4000, 10])
    pack.codes[:4000] = np.tile(np.arange(4, dtype=np.uint8), 1000)
    assert entropy_of_codes(counts_of_codes(pack, np.array([0]))) == pytest.approx(np.log(4))


@pytest.mark.parametrize("output", ["softmax", "logistics"])
def test_a_network_begins_near_the_share_of_each_code(output: Output) -> None:
    pack = pack_in_memory([3000])
    # Three of the codes come far more often than others.
    pack.codes[:2500] = np.random.default_rng(1).choice([60, 128, 190], 2500)
    counts = counts_of_codes(pack, np.array([0]))
    torch.manual_seed(0)
    configuration = WaveNetConfiguration(stacks=1, layers_per_stack=3, output=output)
    losses = []
    for begins in (False, True):
        network = WaveNet(configuration)
        if begins:
            initialize(network, counts)
        context = configuration.receptive_field
        chunks = Chunks(pack, np.array([0]), context=context, samples=500)
        losses.append(held_out_likelihood(network, chunks, batch=4, device=CPU).nats_per_sample)
    assert losses[1] < losses[0]
    if output == "softmax":
        assert losses[1] < entropy_of_codes(counts) + 0.5


def test_neighbouring_codes_begin_alike() -> None:
    network = WaveNet(WaveNetConfiguration(stacks=1, layers_per_stack=1))
    initialize(network, np.ones(256, np.int64))
    columns = network.input.weight.detach()[..., 0]
    near = (columns[:, 1:] - columns[:, :-1]).norm(dim=0).mean()
    far = (columns[:, 128:] - columns[:, :128]).norm(dim=0).mean()
    assert near < far / 10
