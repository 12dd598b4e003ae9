"""The time that is left of a training, from steps of known length."""

import pytest

from keiryo.train.budget import Budget
from keiryo.train.checkpoint import Position
from keiryo.train.remaining import RemainingTime


def position(trained: float, *, epoch: int = 0) -> Position:
    return Position(epoch=epoch, training_seconds=trained)


def test_the_first_step_does_not_count_and_evaluations_do() -> None:
    left = RemainingTime(Budget(epochs=4), lambda share: 1.0)
    left.note_step(position(30.0), 0.1)  # it compiled something
    assert left.seconds(position(30.0), 0.1, until=1.0, evaluation_seconds=0.0) > 200
    left.note_step(position(32.0), 0.2)
    # Ten steps of 2 s each are a whole training; four evaluations follow.
    found = left.seconds(position(32.0), 0.2, until=1.0, evaluation_seconds=5.0)
    assert found == pytest.approx(8 * 2 + 4 * 5)
    found = left.seconds(position(32.0), 0.2, until=0.5, evaluation_seconds=5.0)
    assert found == pytest.approx(3 * 2 + 2 * 5)


def test_steps_that_become_slower_are_expected_to() -> None:
    def cost(share: float) -> float:
        return 0.25 if share < 0.5 else 1.0  # half the side at first

    left = RemainingTime(Budget(epochs=10), cost)
    left.note_step(position(1.0), 0.1)
    found = left.seconds(position(5.0), 0.25, until=1.0, evaluation_seconds=0.0)
    # 4 s for 15 % at a quarter of the cost: 26.7 s for 25 % more, and 4 times as slow for 50 %.
    rate = 4 / 0.15
    assert found == pytest.approx(0.25 * rate + 0.5 * 4 * rate, rel=0.05)


def test_a_budget_of_seconds_ends_with_it() -> None:
    left = RemainingTime(Budget(seconds=100.0), lambda share: 1.0)
    found = left.seconds(position(25.0), 0.25, until=1.0, evaluation_seconds=3.0)
    assert found == pytest.approx(75.0)
