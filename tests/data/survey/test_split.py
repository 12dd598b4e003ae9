import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keiryo.data.survey.split import FOLDS, split_images
from keiryo.errors import InputError
from surveys import Described, survey_of


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 60).map(str), st.none()),
        min_size=8,
        max_size=120,
    ),
    st.integers(0, 2**31),
)
def test_no_image_is_on_both_sides_and_none_is_lost(images: list[Described], seed: int) -> None:
    survey = survey_of(
        [*images, *((label, f"own{label}{n}", None) for label in range(4) for n in range(2))]
    )
    splits = split_images(survey, seed=seed)
    assert sorted([*splits.train, *splits.val]) == list(range(len(survey.images)))
    digests = [
        {survey.images[row].facts.digest for row in rows} for rows in (splits.train, splits.val)
    ]
    assert digests[0].isdisjoint(digests[1])
    again = split_images(survey, seed=seed)
    assert np.array_equal(splits.train, again.train)


def test_a_fifth_of_every_class_is_held_out() -> None:
    survey = survey_of([(row % 4, str(row), None) for row in range(400)])
    splits = split_images(survey, seed=0)
    held_out = [survey.images[row].label for row in splits.val]
    assert [held_out.count(label) for label in range(4)] == [20] * 4
    other = split_images(survey, seed=1)
    assert not np.array_equal(splits.val, other.val)


def test_a_class_of_one_image_is_trained_on_and_said() -> None:
    survey = survey_of(
        [*((label, f"{label}{n}", None) for label in range(2) for n in range(10)), (2, "x", None)]
    )
    splits = split_images(survey, seed=0)
    assert 20 in splits.train
    assert {f.code for f in splits.findings} == {"class_too_small"}
    assert "class2" in splits.findings[0].evidence


def test_the_owners_split_is_kept_and_its_leaks_are_left_out() -> None:
    images: list[Described] = [
        (0, "a", "train"), (1, "b", "train"), (0, "c", "train"), (1, "d", None),
        (0, "a", "val"), (1, "e", "val"), (0, "f", "test"), (1, "b", "test"),
    ]  # fmt: skip
    survey = survey_of(images)
    splits = split_images(survey, seed=0)
    assert splits.train.tolist() == [0, 1, 2, 3]
    assert splits.val.tolist() == [5]
    assert splits.test.tolist() == [6]
    assert splits.leaked_val.tolist() == [4]
    assert splits.leaked_test.tolist() == [7]


def test_a_test_folder_alone_is_what_is_held_out() -> None:
    survey = survey_of([(0, "a", "train"), (1, "b", "train"), (0, "c", "test"), (1, "d", "test")])
    splits = split_images(survey, seed=0)
    assert splits.val.tolist() == [2, 3]
    assert splits.test.size == 0


def test_too_little_to_train_or_measure_is_refused() -> None:
    with pytest.raises(InputError, match="fewer than two classes"):
        split_images(survey_of([(0, "a", None), (0, "b", None)]), seed=0)
    with pytest.raises(InputError, match="no held-out image"):
        split_images(survey_of([(0, "a", None), (1, "b", None)]), seed=0)


def test_near_copies_stay_on_one_side_too() -> None:
    images: list[Described] = [(row % 2, str(row), None) for row in range(40)]
    survey = survey_of(images, near=[(0, 2, 4), (2, 4, 6), (1, 3, 10)])
    for seed in range(20):
        splits = split_images(survey, seed=seed)
        for group in ([0, 2, 4], [1, 3]):
            assert len({row in splits.val for row in group}) == 1


def test_a_near_copy_of_a_training_image_leaks_as_well() -> None:
    images: list[Described] = [
        (0, "a", "train"), (1, "b", "train"), (0, "c", "val"), (1, "d", "val"),
    ]  # fmt: skip
    splits = split_images(survey_of(images, near=[(0, 2, 8)]), seed=0)
    assert splits.val.tolist() == [3]
    assert splits.leaked_val.tolist() == [2]


def test_a_set_that_is_all_alike_is_split_all_the_same() -> None:
    images: list[Described] = [(row % 2, str(row), None) for row in range(150)]
    chain = [(row, row + 1, 20) for row in range(149)]
    splits = split_images(survey_of(images, near=chain), seed=0)
    assert len(splits.val) == 30


def test_a_class_of_two_has_one_held_out_in_every_fold() -> None:
    images: list[Described] = [(row % 2, str(row), None) for row in range(4)]
    for fold in range(FOLDS):
        splits = split_images(survey_of(images), seed=0, fold=fold)
        assert len(splits.val) == len(splits.train) == 2


def test_each_image_is_held_out_in_one_fold() -> None:
    survey = survey_of([(row % 3, str(row // 2 * 3 + row % 3), None) for row in range(123)])
    folds = [split_images(survey, seed=4, fold=fold) for fold in range(FOLDS)]
    held_out = np.concatenate([splits.val for splits in folds])
    assert sorted(held_out) == list(range(123))
    assert np.array_equal(folds[0].val, split_images(survey, seed=4).val)
