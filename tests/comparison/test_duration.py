import pytest
from hypothesis import given
from hypothesis import strategies as st

from keiryo.comparison.beforehand.duration import (
    SECONDS_AROUND_A_TRAINING,
    StepTime,
    seconds_after_trainings,
    share_out,
    training_seconds,
)
from keiryo.comparison.plan import Plan, make_plan
from keiryo.train.recipe import RECIPES

MODELS = ["mobilenet_v2", "resnet18"]


def plan_of(**options: object) -> Plan:
    return make_plan({"data": "digits", "models": MODELS, "threads": 1, **options})


def test_a_step_takes_time_for_each_pixel_and_some_for_itself() -> None:
    step = StepTime(size=200, seconds=5.0, smaller_size=100, smaller_seconds=2.0)
    assert step.at(200) == 5.0
    assert step.at(100) == pytest.approx(2.0)
    assert step.at(0) == pytest.approx(1.0)
    assert StepTime(64, 3.0, 64, 3.0).at(64) == 3.0


def test_a_training_is_its_steps_and_its_evaluations() -> None:
    step = StepTime(size=64, seconds=0.3, smaller_size=64, smaller_seconds=0.3)
    found = training_seconds(
        step, RECIPES["plain"], epochs=10, batch=10, train=100, val=30
    )  # images of this recipe do not grow
    steps = 10 * 10 * 0.3
    evaluations = 10 * 3 * 0.1
    at_the_end = 13 * 0.1
    assert found == pytest.approx(steps + evaluations + at_the_end + SECONDS_AROUND_A_TRAINING)


def test_growing_images_take_less_time() -> None:
    step = StepTime(size=128, seconds=0.4, smaller_size=64, smaller_seconds=0.1)
    plain, growing = (
        training_seconds(step, RECIPES[name], epochs=10, batch=10, train=1000, val=10)
        for name in ("plain", "keiryo")
    )
    assert 0.7 * plain < growing < 0.9 * plain


@given(total=st.floats(0.1, 1000), passed=st.floats(0, 100_000), seeds=st.integers(1, 20))
def test_the_parts_of_the_time_fit_into_it(total: float, passed: float, seeds: int) -> None:
    plan = plan_of(total_minutes=total, seeds=seeds)
    minutes = share_out(total, passed, plan, MODELS)
    assert minutes > 0
    trainings = 2 * seeds
    around = SECONDS_AROUND_A_TRAINING * trainings + seconds_after_trainings(plan, MODELS)
    fits = passed + trainings * 60 * minutes + around <= 60 * total + 1e-3
    assert fits or minutes == pytest.approx(total / 10 / trainings)  # nearly all was gone before


def test_candidates_over_a_limit_leave_their_time_to_the_others() -> None:
    plan = plan_of(total_minutes=10)
    assert share_out(10, 0, plan, MODELS[:1]) > 1.9 * share_out(10, 0, plan, MODELS)
