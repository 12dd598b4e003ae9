from collections.abc import Callable
from dataclasses import replace

import pytest

from keiryo.records.study import Study
from keiryo.report.study_page import render_study_page
from keiryo.study import quiz
from keiryo.study.run import run_study

TINY = quiz.Sizes(layers=3, dilated_layers=5)


@pytest.fixture(scope="module")
def data() -> quiz.QuizData:
    return quiz.compute(TINY, 0, lambda share, activity: None)


def test_the_answers_of_the_course_are_right_and_the_others_wrong(data: quiz.QuizData) -> None:
    answers = quiz.answer(data)
    right = {one.question: one.answer for one in answers if one.is_right}
    assert right == quiz.COURSE
    assert sum(one.is_right for one in answers) == len(quiz.COURSE)
    assert len(answers) == 2 * 8 + 4 + 4
    assert {one.verdict for one in quiz.judge(answers)} == {"holds"}


def change_count(data: quiz.QuizData) -> quiz.QuizData:
    first, *rest = data.counted
    return replace(data, counted=[replace(first, depthwise=first.depthwise + 1), *rest])


def swap_kinds(data: quiz.QuizData) -> quiz.QuizData:
    return replace(data, wavenet=data.kinds["pointwise"])


def narrow_field(data: quiz.QuizData) -> quiz.QuizData:
    return replace(data, dilated=replace(data.dilated, field=data.plain.field))


def only_dilated_in_parallel(data: quiz.QuizData) -> quiz.QuizData:
    return replace(data, plain=replace(data.plain, training_error=1.0))


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (change_count, {"depthwise_cost", "depthwise_share"}),
        (swap_kinds, {"wavenet"}),
        (narrow_field, {"advantage"}),
        (only_dilated_in_parallel, {"advantage"}),
    ],
)
def test_other_data_gives_another_verdict(
    data: quiz.QuizData, change: Callable[[quiz.QuizData], quiz.QuizData], parts: set[str]
) -> None:
    judgements = quiz.judge(quiz.answer(change(data)))
    assert {one.part for one in judgements if one.verdict == "does_not_hold"} == parts


def test_the_study_is_a_record_and_a_page_in_each_language() -> None:
    told: list[float] = []
    study = run_study("quiz", seed=1, sizes=TINY, tell=lambda share, activity: told.append(share))
    assert study.verdict == "holds"
    assert told == sorted(told)
    assert Study.model_validate_json(study.model_dump_json()) == study
    english, japanese = (render_study_page(study, code) for code in ("en", "ja"))
    assert "Verdict: holds" in english
    assert "判定：成り立つ" in japanese
    assert "Verdict" not in japanese
