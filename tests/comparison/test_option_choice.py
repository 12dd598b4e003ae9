import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keiryo.comparison.beforehand.circumstances import Circumstances
from keiryo.comparison.beforehand.option_choice import (
    FEWEST_EPOCHS_IN_A_HURRY,
    LARGEST_BATCH,
    MINUTES_OF_ALL,
    SIZES,
    choose,
    training_seconds,
)
from keiryo.comparison.plan import CHOSEN

# Of a training step on an image of 224 px: three light networks on two cores, and on a GPU.
TWO_CORES = (0.013, 0.014, 0.062)
GPU = tuple(seconds / 75 for seconds in TWO_CORES)


def chosen(**changes: Any) -> dict[str, int | str]:
    circumstances = Circumstances(**{"seconds_per_image": TWO_CORES, **changes})
    free = ("size", "batch", "epochs") if circumstances.minutes is None else ("size", "batch")
    epochs = None if circumstances.minutes else 30
    return choose(free, size=224, batch=128, epochs=epochs, circumstances=circumstances).options


@pytest.mark.parametrize(
    ("changes", "size", "batch", "epochs"),
    [
        # A small set is seen often, in small batches.
        ({"images": 240, "side": 227}, 224, 8, 100),
        ({"images": 1_000, "side": 1600}, 192, 32, 60),
        # As many photographs as the flowers, on two cores and on a GPU.
        ({"images": 3_251, "side": 227}, 128, 128, 30),
        ({"images": 3_251, "side": 227, "seconds_per_image": GPU}, 224, 128, 30),
        # Small images stay small, but no smaller than networks reduce them.
        ({"images": 50_000, "side": 32, "seconds_per_image": GPU}, 32, 128, 30),
        ({"images": 1_438, "side": 8}, 32, 64, 42),
        # Many images on a slow machine: the smallest size, and fewer epochs.
        ({"images": 100_000, "side": 500}, 64, 128, 10),
        # Five seeds take five times as long.
        ({"images": 3_251, "side": 227, "trainings": 5}, 64, 128, 30),
    ],
)
def test_the_choice_fits_set_and_machine(
    changes: dict[str, Any], size: int, batch: int, epochs: int
) -> None:
    assert chosen(**changes) == {"size": size, "batch": batch, "epochs": epochs}


@pytest.mark.parametrize(("minutes", "size"), [(10, 64), (30, 160), (120, 224)])
def test_more_minutes_allow_larger_images(minutes: float, size: int) -> None:
    assert chosen(images=3_251, side=227, minutes=minutes) == {"size": size, "batch": 128}


def test_what_is_given_is_not_chosen() -> None:
    circumstances = Circumstances(images=240, side=227, seconds_per_image=TWO_CORES)
    found = choose(("size",), size=0, batch=16, epochs=10, circumstances=circumstances)
    assert found.options == {"size": 224}
    assert "227 pixels" in found.reasons["size"]


@pytest.mark.parametrize(("epochs", "recipe"), [(59, None), (60, "long"), (None, "long")])
def test_long_trainings_take_the_recipe_for_them(epochs: int | None, recipe: str | None) -> None:
    circumstances = Circumstances(images=240, side=64, seconds_per_image=TWO_CORES)
    free = ("recipe",) if epochs else CHOSEN
    found = choose(free, size=64, batch=8, epochs=epochs, circumstances=circumstances)
    assert found.options.get("recipe") == recipe


@given(
    images=st.integers(1, 10**7),
    side=st.integers(1, 10_000),
    seconds=st.lists(st.floats(1e-6, 10), min_size=1, max_size=6),
    trainings=st.integers(1, 50),
    minutes=st.none() | st.floats(0.01, 10_000),
)
def test_every_choice_can_be_trained_and_has_a_reason(
    images: int, side: int, seconds: list[float], trainings: int, minutes: float | None
) -> None:
    circumstances = Circumstances(images, side, tuple(seconds), trainings, minutes)
    free = CHOSEN if minutes is None else ("size", "batch")
    found = choose(free, size=224, batch=128, epochs=None, circumstances=circumstances)
    assert found.options.keys() == found.reasons.keys()
    assert found.options.keys() - {"recipe"} == set(free) - {"recipe"}
    size, batch = int(found.options["size"]), int(found.options["batch"])
    assert size in SIZES
    assert batch <= LARGEST_BATCH
    assert math.log2(batch).is_integer()
    if minutes is None:
        epochs = int(found.options["epochs"])
        all_seconds = trainings * sum(training_seconds(circumstances, size, epochs, batch))
        in_time = all_seconds <= 60 * MINUTES_OF_ALL
        assert in_time or (size <= 64 and epochs == FEWEST_EPOCHS_IN_A_HURRY)
