import dataclasses

import pytest
import torch
from torch import Tensor

import keiryo
from keiryo.errors import InputError
from keiryo.models.wavenet import WaveNet, WaveNetConfiguration
from wavenets import OPTIONS, Conditioned, one_hot, small_wavenet

LENGTH = 200


def recording(given: Conditioned) -> Tensor:
    configuration = given.network.configuration
    if configuration.output == "softmax":
        return one_hot(torch.randint(0, configuration.levels, (1, LENGTH)), configuration.levels)
    return torch.rand(1, 1, LENGTH) * 2 - 1


@pytest.mark.parametrize("option", OPTIONS)
def test_a_sample_changes_no_output_up_to_it(option: str) -> None:
    given = small_wavenet(option, samples=LENGTH)
    x = recording(given)
    with torch.no_grad():
        before = given.network(x, given.labels, given.local)
        for place in (0, 1, 77, LENGTH - 1):
            changed = x.clone()
            changed[..., place] = changed[..., place].roll(1, dims=1) + 0.5
            after = given.network(changed, given.labels, given.local)
            assert torch.equal(before[..., : place + 1], after[..., : place + 1])
            assert place == LENGTH - 1 or not torch.equal(before, after)


@pytest.mark.parametrize("option", OPTIONS)
def test_receptive_field_by_formula_by_weighing_and_by_gradient(option: str) -> None:
    given = small_wavenet(option, samples=LENGTH)
    network, configuration = given.network, given.network.configuration
    x = recording(given).requires_grad_()
    network(x, given.labels, given.local)[..., LENGTH - 1].sum().backward()
    assert x.grad is not None
    seen = x.grad[0].abs().sum(0).nonzero()[:, 0]
    # Up to the sample before.
    assert int(seen[-1]) == LENGTH - 2
    assert len(seen) == LENGTH - 1 - int(seen[0]) == configuration.receptive_field
    plain = dataclasses.replace(configuration, labels=(), local_channels=0)
    weighing = keiryo.weigh(WaveNet(plain), (configuration.input_channels, LENGTH))
    assert weighing.receptive_field == configuration.receptive_field


def test_published_stacks_see_what_the_formula_says() -> None:
    assert WaveNetConfiguration().receptive_field == 3 * 1023 + 1 + 1
    assert WaveNetConfiguration(kernel_size=3).receptive_field == 2 * (3 * 1023 + 1) + 1
    # As many weights without dilation see a hundredth of that.
    assert WaveNetConfiguration(dilated=False).receptive_field == 30 + 1 + 1


@pytest.mark.parametrize("kernel_size", [2, 3])
def test_weighing_counts_what_the_figure_adds_up_to(kernel_size: int) -> None:
    c = WaveNetConfiguration(kernel_size=kernel_size)
    weighing = keiryo.weigh(WaveNet(c), (c.input_channels, 1000))
    layer = kernel_size * 32 * 64 + 32 * 128
    per_sample = kernel_size * 256 * 32 + 30 * layer + 29 * 32 * 32 + 128 * 128 + 128 * 256
    assert weighing.macs == 1000 * per_sample
    assert not weighing.unknown_operators
    weights = sum(parameter.numel() for parameter in WaveNet(c).parameters())
    assert weighing.parameters == weights


@pytest.mark.parametrize("option", OPTIONS)
def test_every_parameter_gets_a_gradient(option: str) -> None:
    given = small_wavenet(option, samples=LENGTH)
    x = recording(given)
    if given.network.configuration.output == "softmax":
        x = x.argmax(1)
    likelihood = given.network.log_likelihood(x, given.labels, given.local)
    assert likelihood.shape == (1, LENGTH)
    likelihood.mean().backward()
    for name, parameter in given.network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_codes_and_their_one_hot_form_are_one() -> None:
    network = small_wavenet("kernel of 3").network
    codes = torch.randint(0, 32, (2, 50))
    torch.testing.assert_close(network(codes), network(one_hot(codes, 32)))


def test_wrong_conditions_are_refused() -> None:
    codes = torch.zeros(1, 50, dtype=torch.int64)
    labelled = small_wavenet("labels").network
    with pytest.raises(InputError, match="labels: each recording needs 2"):
        labelled(codes)
    local = small_wavenet("local, repeated").network
    with pytest.raises(InputError, match="local: has frames for 75 samples, but there are 50"):
        local(codes, None, torch.zeros(1, 3, 3))
    with pytest.raises(InputError, match="needs 3 channels"):
        local(codes, None, torch.zeros(1, 2, 2))
    with pytest.raises(InputError, match="kernel_size"):
        WaveNetConfiguration(kernel_size=1)
