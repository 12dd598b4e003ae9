"""An evaluation stands for all held-out recordings, ends when it is asked to, and continues."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from keiryo.audio.training.evaluation import Extent, held_out_likelihood
from keiryo.models.wavenet import WaveNet, WaveNetConfiguration
from keiryo.recordings.chunks import Chunks
from keiryo.recordings.pack import RecordingPack
from keiryo.train.checkpoint import Position
from keiryo.train.listener import TrainingListener
from keiryo.train.task import EvaluationStoppedError
from small_recordings import pack_of, tone, write
from trainings import small_training

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> RecordingPack:
    """Speakers a to f in the order of names, with more recordings of the later ones."""
    folder = tmp_path_factory.mktemp("speakers")
    for place, speaker in enumerate("abcdef", start=1):
        for number in range(2 * place):
            sound = tone(300 + 10 * number, frequency=200.0 * place + number)
            write(folder / "set" / f"{speaker}_{number:02d}.wav", sound)
    return pack_of(folder / "set", folder / "pack", condition="(?P<speaker>[a-f])_")


def network_for(pack: RecordingPack) -> WaveNet:
    torch.manual_seed(0)
    labels = tuple(len(category.values) for category in pack.categories)
    return WaveNet(
        WaveNetConfiguration(
            stacks=1, layers_per_stack=3, residual_channels=4, gate_channels=4, skip_channels=4,
            labels=labels,
        )
    )  # fmt: skip


def chunks_of(pack: RecordingPack) -> Chunks:
    return Chunks(pack, np.arange(len(pack)), context=9, samples=100)


def test_every_beginning_of_the_order_has_all_speakers_in_their_shares(pack: RecordingPack) -> None:
    chunks = chunks_of(pack)
    speaker = pack.labels[chunks.recordings, 0]
    shares = np.bincount(speaker) / len(chunks)
    for seed in range(3):
        order = chunks.spread_order(seed=seed)
        assert sorted(order) == list(range(len(chunks)))
        for part in (0.25, 0.5):
            there = speaker[order[: round(part * len(chunks))]]
            expected = shares * len(there)
            assert np.abs(np.bincount(there, minlength=6) - expected).max() <= 1


def test_a_part_of_the_chunks_has_each_value_of_each_condition(pack: RecordingPack) -> None:
    chunks = chunks_of(pack)
    for seed in range(5):
        numbers = chunks.spread(1500, seed=seed)
        heard = int(chunks.sizes[numbers].sum())
        assert 1500 <= heard <= 3100
        if heard < 3000:
            assert set(pack.labels[chunks.recordings[numbers], 0]) == set(range(6))
    assert len(chunks.spread(10**9, seed=0)) == len(chunks)


def test_it_ends_after_its_seconds_with_one_batch_at_least(pack: RecordingPack) -> None:
    network, chunks = network_for(pack), chunks_of(pack)
    order = chunks.spread_order(seed=0)
    found = held_out_likelihood(
        network, chunks, batch=4, device=CPU, extent=Extent(order, seconds=0.0)
    )
    assert found.samples == chunks.sizes[order[:4]].sum()
    whole = held_out_likelihood(network, chunks, batch=4, device=CPU)
    shuffled = held_out_likelihood(network, chunks, batch=4, device=CPU, extent=Extent(order))
    assert whole.samples == shuffled.samples == pack.counts.sum()
    assert whole.nats_per_sample == pytest.approx(shuffled.nats_per_sample)


def test_it_stops_when_it_is_asked_to(pack: RecordingPack) -> None:
    answers = iter([False, False, True])
    with pytest.raises(EvaluationStoppedError):
        held_out_likelihood(
            network_for(pack), chunks_of(pack), batch=4, device=CPU,
            extent=Extent(stops=lambda: next(answers)),
        )  # fmt: skip
    assert next(answers, None) is None


def test_the_standard_error_is_that_of_recordings(pack: RecordingPack) -> None:
    network, chunks = network_for(pack), chunks_of(pack)
    found = held_out_likelihood(network, chunks, batch=4, device=CPU)
    each = [
        held_out_likelihood(
            network, Chunks(pack, np.array([row]), context=9, samples=100), batch=4, device=CPU
        )
        for row in range(len(pack))
    ]
    sums = np.array([one.samples * (one.nats_per_sample - found.nats_per_sample) for one in each])
    number = len(each)
    expected = math.sqrt(number / (number - 1) * (sums**2).sum()) / found.samples
    assert found.standard_error == pytest.approx(expected, rel=1e-4)
    assert math.isnan(each[0].standard_error)


def test_other_recordings_conditions_change_nothing_in_a_network_without_any(
    pack: RecordingPack,
) -> None:
    network, chunks = network_for(pack), chunks_of(pack)
    with torch.no_grad():
        for unit in network.units:
            assert unit.of_global is not None
            unit.of_global.weight.zero_()
    found = held_out_likelihood(network, chunks, batch=4, device=CPU, confused_samples=500)
    assert found.rise == pytest.approx(0.0, abs=1e-6)
    assert held_out_likelihood(network, chunks, batch=4, device=CPU).rise is None


def test_a_stop_in_an_evaluation_loses_nothing(pack: RecordingPack, tmp_path: Path) -> None:
    whole = small_training(pack)
    assert whole.run(TrainingListener())
    path = tmp_path / "checkpoint.safetensors"
    stopped = small_training(pack, checkpoint=path)
    stopped.task.extent = Extent(stops=lambda: True)
    assert not stopped.run(TrainingListener())
    assert not stopped.position.history
    resumed = small_training(pack, checkpoint=path)
    assert resumed.run(TrainingListener())
    losses = [(e.train_loss, e.val_loss) for e in resumed.position.history]
    assert losses == [(e.train_loss, e.val_loss) for e in whole.position.history]


def test_a_stop_in_the_evaluation_after_a_budget_of_time_is_made_up_for(
    pack: RecordingPack, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.safetensors"

    def training(stops: Iterator[bool]) -> tuple[bool, Position]:
        made = small_training(pack, checkpoint=path, seconds=1e-9)
        made.task.extent = Extent(stops=lambda: next(stops, False))
        return made.run(TrainingListener()), made.position

    ended, position = training(iter([True]))
    assert not ended
    assert position.steps == 1
    ended, position = training(iter([]))
    assert ended
    assert position.steps == 1
    assert len(position.history) == 1
