from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keiryo.recordings.chunks import ChunkBatch, ChunkBatches, Chunks, chunks_in_order
from keiryo.recordings.mu_law import SILENCE
from keiryo.recordings.pack import RecordingPack
from small_recordings import noise, pack_in_memory, pack_of, pack_of_lengths, write


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> RecordingPack:
    return pack_of_lengths(tmp_path_factory.mktemp("chunks"), [2, 7, 40, 64, 65, 150, 12])


def batches_of(pack: RecordingPack, *, seed: int = 3, rows: object = None) -> ChunkBatches:
    chosen = np.arange(len(pack)) if rows is None else np.array(rows)
    return ChunkBatches(Chunks(pack, chosen, context=20, samples=16), batch=4, seed=seed)


def with_context(pack: RecordingPack, row: int, place: int, context: int) -> bytes:
    """A sample and what came before it, by the plainest way there is."""
    padded = np.concatenate((np.full(context, SILENCE, np.uint8), pack.recording(row)))
    return padded[place : place + context + 1].tobytes()


def seen_targets(batch: ChunkBatch) -> list[bytes]:
    windows = np.lib.stride_tricks.sliding_window_view(batch.codes, batch.context + 1, axis=1)
    return [window.tobytes() for window in windows[batch.mask]]


@given(
    lengths=st.lists(st.integers(1, 90), min_size=1, max_size=6),
    context=st.integers(1, 60),
    samples=st.integers(1, 60),
    batch=st.integers(1, 9),
    seed=st.integers(0, 2**32),
    epoch=st.integers(0, 3),
)
@settings(max_examples=60)
def test_each_sample_is_a_target_once_an_epoch_with_all_that_came_before_it(
    lengths: list[int], context: int, samples: int, batch: int, seed: int, epoch: int
) -> None:
    pack = pack_in_memory(lengths)
    rows = np.arange(len(pack))
    chunks = Chunks(pack, rows, context=context, samples=samples)
    batches = ChunkBatches(chunks, batch=batch, seed=seed)
    seen = [window for batch in batches.epoch(epoch) for window in seen_targets(batch)]
    expected = [
        with_context(pack, int(row), place, context)
        for row in rows
        for place in range(pack.counts[row])
    ]
    assert sorted(seen) == sorted(expected)
    assert chunks.targets == len(expected)


def test_shapes_and_labels(tmp_path: Path) -> None:
    for number in range(6):
        write(tmp_path / "set" / f"{number % 3}_{number}.wav", noise(30 + number, seed=number))
    pack = pack_of(tmp_path / "set", tmp_path / "pack", condition=r"(?P<a>\d)_(?P<b>\d)")
    batch = next(iter(batches_of(pack).epoch(0)))
    assert batch.codes.shape == (4, 36)
    assert batch.codes.dtype == np.uint8
    assert batch.inputs.shape == (4, 35)
    assert batch.targets.shape == batch.mask.shape == (4, 16)
    assert batch.counts.tolist() == batch.mask.sum(axis=1).tolist()
    assert batch.conditions.shape == (4, 2)
    assert batch.conditions.dtype == np.int64
    assert np.all(batch.conditions[:, 0] == batch.conditions[:, 1] % 3)


def test_only_the_recordings_that_are_asked_for(pack: RecordingPack) -> None:
    batches = batches_of(pack, rows=[2, 5])
    assert sum(int(batch.counts.sum()) for batch in batches.epoch(0)) == 190
    assert batches.chunks.targets == 190


def test_no_chunk_is_longer_than_the_longest_recording(pack: RecordingPack) -> None:
    chunks = Chunks(pack, np.array([1, 6]), context=5, samples=1000)
    assert (chunks.samples, len(chunks)) == (12, 2)
    assert chunks.targets == 19  # of 24 samples computed, 5 are padding
    assert len(chunks) * chunks.samples == 24


def test_going_on_at_a_step_gives_the_batches_it_would_have_had(pack: RecordingPack) -> None:
    whole = list(batches_of(pack).epoch(4))
    assert len(whole) == batches_of(pack).steps
    rest = list(batches_of(pack).epoch(4, first_step=2))
    for expected, batch in zip(whole[2:], rest, strict=True):
        np.testing.assert_array_equal(batch.codes, expected.codes)
        np.testing.assert_array_equal(batch.counts, expected.counts)


def test_epochs_and_seeds_differ(pack: RecordingPack) -> None:
    firsts = {
        next(iter(batches_of(pack, seed=seed).epoch(epoch))).codes.tobytes()
        for epoch in range(3)
        for seed in range(3)
    }
    assert len(firsts) == 9


def test_plain_chunks_come_in_order(pack: RecordingPack) -> None:
    chunks = Chunks(pack, np.array([5, 2]), context=8, samples=50)
    batches = list(chunks_in_order(chunks, batch=3))
    assert [len(batch.counts) for batch in batches] == [3, 1]
    own = [batch.targets[batch.mask] for batch in batches]
    np.testing.assert_array_equal(
        np.concatenate(own), np.concatenate((pack.recording(5), pack.recording(2)))
    )


@pytest.mark.parametrize(("context", "samples"), [(0, 5), (5, 0)])
def test_a_chunk_of_nothing_is_refused(context: int, samples: int, pack: RecordingPack) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Chunks(pack, np.arange(2), context=context, samples=samples)
