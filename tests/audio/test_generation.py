import numpy as np
import pytest
import torch

from keiryo.audio.generation.cuda_graph import CudaGraphStepper
from keiryo.audio.generation.generate import generate
from keiryo.audio.generation.sampling import Draws, Sampling
from keiryo.errors import InputError
from keiryo.models.wavenet import WaveNet, WaveNetConfiguration
from wavenets import small_wavenet


def test_the_seed_says_what_is_generated_and_nothing_else_does() -> None:
    network = small_wavenet("softmax").network
    once = np.concatenate(list(generate(network, 500, streams=3, seed=5)), axis=1)
    assert once.shape == (3, 500)
    assert once.dtype == np.uint8
    pieces = list(generate(network, 500, streams=3, seed=5, chunk=60, threads=2))
    assert [piece.shape[1] for piece in pieces] == [60] * 8 + [20]
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), once)
    alone = np.concatenate(list(generate(network, 500, seed=5)), axis=1)
    np.testing.assert_array_equal(alone[0], once[0])
    assert (once[0] != once[1]).mean() > 0.5
    other = np.concatenate(list(generate(network, 500, streams=3, seed=6)), axis=1)
    assert (other != once).mean() > 0.5


def test_it_comes_without_end_until_it_is_left() -> None:
    network = small_wavenet("logistics").network
    pieces = generate(network, None, chunk=50)
    together = np.concatenate([next(pieces) for _ in range(4)], axis=1)
    assert together.dtype == np.float32
    assert np.abs(together).max() <= 1
    expected = np.concatenate(list(generate(network, 200)), axis=1)
    np.testing.assert_array_equal(together, expected)


def test_it_ends_with_the_local_series() -> None:
    given = small_wavenet("local, repeated", samples=250)
    primer = np.arange(30) % 32
    pieces = list(generate(given.network, None, local=given.local, primer=primer))
    assert sum(piece.shape[1] for piece in pieces) == 220
    with pytest.raises(InputError, match="local: is for 250 samples"):
        list(generate(given.network, 221, local=given.local, primer=primer))


@pytest.mark.parametrize("option", ["softmax", "labels", "local, transposed"])
def test_a_primer_is_what_comes_before(option: str) -> None:
    given = small_wavenet(option, samples=200)
    conditions = {"labels": given.labels, "local": given.local}
    whole = np.concatenate(list(generate(given.network, 200, seed=3, **conditions)), axis=1)
    rest = generate(given.network, 120, seed=3, primer=whole[:, :80], **conditions)
    np.testing.assert_array_equal(np.concatenate(list(rest), axis=1), whole[:, 80:])


def test_the_likeliest_is_no_matter_of_chance() -> None:
    network = small_wavenet("softmax").network
    one, other = (
        np.concatenate(list(generate(network, 100, seed=seed, sampling=Sampling(temperature=0))))
        for seed in (0, 1)
    )
    np.testing.assert_array_equal(one, other)


def test_wrong_requests_are_refused_before_the_first_sample() -> None:
    codes = small_wavenet("softmax").network
    numbers = small_wavenet("logistics").network
    labelled = small_wavenet("labels").network
    with pytest.raises(InputError, match="temperature"):
        Sampling(temperature=-1)
    with pytest.raises(InputError, match="top_p: is for codes"):
        generate(numbers, 10, sampling=Sampling(top_p=0.5))
    with pytest.raises(InputError, match="from 0 to 31"):
        generate(codes, 10, primer=np.array([32]))
    with pytest.raises(InputError, match="for each of 2 streams"):
        generate(codes, 10, streams=2, primer=np.zeros((3, 4)))
    with pytest.raises(InputError, match="labels: each recording needs 2"):
        generate(labelled, 10)
    with pytest.raises(InputError, match="labels: must be from 0 to 4"):
        generate(labelled, 10, labels=torch.tensor([0, 5]))
    with pytest.raises(InputError, match="streams and threads"):
        generate(codes, 10, threads=0)


def test_a_graph_needs_a_device_that_has_them() -> None:
    network = small_wavenet("softmax").network
    draws = Draws(0, 1, network.configuration).take(2)
    with pytest.raises(InputError, match="CUDA"):
        CudaGraphStepper(network).advance(draws)


def test_a_network_that_learned_three_sines_generates_them() -> None:
    torch.manual_seed(0)
    rate, hertz, levels, steps = 4000, (110, 237, 390), 64, 200
    network = WaveNet(
        WaveNetConfiguration(
            stacks=1,
            layers_per_stack=6,
            residual_channels=16,
            gate_channels=16,
            skip_channels=32,
            levels=levels,
            labels=(3,),
            label_channels=8,
        )
    )
    field = network.configuration.receptive_field
    times = torch.arange(2000) / rate
    sines = torch.stack([0.8 * torch.sin(2 * torch.pi * f * times) for f in hertz])
    codes = ((sines + 1) / 2 * (levels - 1)).round().long()
    labels = torch.arange(3)[:, None]
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    for step in range(steps):
        piece = codes[:, step * 5 : step * 5 + 600]
        # Noise in what it hears teaches it the way back to the sine from beside it.
        heard = (piece + 3 * torch.randn(piece.shape)).round().clamp(0, levels - 1).long()
        outputs = network(heard, labels)[..., field:]
        loss = torch.nn.functional.cross_entropy(outputs, piece[:, field:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    pieces = generate(network, rate, streams=3, labels=labels, primer=codes[:, :field].numpy())
    sound = np.concatenate(list(pieces), axis=1) / (levels - 1) * 2 - 1
    power = np.abs(np.fft.rfft((sound - sound.mean(1, keepdims=True)) * np.hanning(rate))) ** 2
    for stream, f in enumerate(hertz):
        # Of a second, the number of a spectral line is its frequency in Hz.
        near = power[stream, f - 5 : f + 6].sum() / power[stream].sum()
        assert near > 0.9, f"{f} Hz: {near:.2f} of the power"
