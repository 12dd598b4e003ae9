"""The share of a budget that is used up."""

import pytest

from keiryo.train.budget import Budget
from keiryo.train.checkpoint import Position


def test_processor_time_counts_by_thread_and_leaves_waiting_out() -> None:
    position = Position(training_seconds=50.0, processor_seconds=40.0)
    assert Budget(seconds=100).share(position, 10) == pytest.approx(0.5)
    assert Budget(seconds=100, threads=2).share(position, 10) == pytest.approx(0.2)
    assert Budget(seconds=20, threads=2).share(position, 10) == 1.0
