import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keiryo.data.survey.identity import decode_marks, encode_marks, mark_of
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
    assert all(16 <= held_out.count(label) <= 24 for label in range(4))
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
    pairs = survey_of([(row % 2, str(row), None) for row in range(4)])
    with pytest.raises(InputError, match="--folds 2"):
        split_images(pairs, seed=0, fold=2)


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
    assert 24 <= len(splits.val) <= 36


def test_each_image_of_a_class_of_two_is_held_out_once() -> None:
    images: list[Described] = [(0, f"a{row}", None) for row in range(2)]
    images += [(1, f"b{row}", None) for row in range(10)]
    folds = [split_images(survey_of(images), seed=0, fold=fold) for fold in range(FOLDS)]
    assert len(set(folds[0].val.tolist()) & {0, 1}) == 1
    assert sorted(np.concatenate([splits.val for splits in folds])) == list(range(12))


def test_each_image_is_held_out_in_one_fold() -> None:
    survey = survey_of([(row % 3, str(row // 2 * 3 + row % 3), None) for row in range(123)])
    folds = [split_images(survey, seed=4, fold=fold) for fold in range(FOLDS)]
    held_out = np.concatenate([splits.val for splits in folds])
    assert sorted(held_out) == list(range(123))
    assert np.array_equal(folds[0].val, split_images(survey, seed=4).val)


@given(st.integers(10, 200), st.integers(0, 40), st.integers(0, 2**31))
def test_a_set_that_grows_keeps_its_held_out_images(size: int, added: int, seed: int) -> None:
    names = [f"{number:032x}" for number in range(size + added)]
    other: list[Described] = [(0, f"z{number}", None) for number in range(5)]
    before = survey_of([*other, *((1, name, None) for name in names[:size])])
    # The new images come first, and a new class before the old ones.
    after = survey_of([*((2, name, None) for name in reversed(names)), *other])
    held_out = [
        {survey.images[row].facts.digest for row in split_images(survey, seed=seed).val}
        for survey in (before, after)
    ]
    old = set(names[:size])
    # An end of the fifth moves only if chance made it uneven by more than the slack.
    assert len((held_out[0] ^ held_out[1]) & old) <= 1 + added // 4
    assert all(
        0.15 * total - 1 <= len(side & set(names)) <= 0.25 * total + 1
        for side, total in zip(held_out, (size, size + added), strict=True)
    )


def test_large_groups_of_copies_are_held_out_no_more_often_than_others() -> None:
    held_out = 0
    for seed in range(200):
        # Ten images alone, and ten groups of six.
        images: list[Described] = [(0, f"alone{n}", None) for n in range(10)]
        images += [(0, f"{n}of{group}", None) for group in range(10) for n in range(6)]
        images += [(1, f"other{n}", None) for n in range(5)]
        near = [
            (10 + 6 * group + n, 11 + 6 * group + n, 4) for group in range(10) for n in range(5)
        ]
        splits = split_images(survey_of(images, near=near), seed=seed)
        held_out += sum(10 <= row < 70 for row in splits.val)
    assert held_out / (200 * 60) == pytest.approx(0.2, abs=0.03)


def test_images_that_a_start_was_trained_on_are_not_held_out() -> None:
    images: list[Described] = [(row % 2, f"{row:012x}", None) for row in range(100)]
    survey = survey_of(images, near=[(0, 2, 4), (4, 6, 4)])
    first = split_images(survey, seed=0)
    trained_on = frozenset(mark_of(survey.images[row]) for row in first.train)
    same = split_images(survey, seed=0, seen=trained_on)
    assert np.array_equal(same.val, first.val)
    assert same.findings == []
    other = split_images(survey, seed=1, seen=trained_on)
    assert set(other.val) <= set(first.val)
    assert len(other.seen) > 0
    assert set(other.seen).isdisjoint({*other.val, *other.train})
    (finding,) = other.findings
    assert finding.code == "seen_by_start"
    assert finding.files == [survey.images[row].name for row in other.seen]
    # A near-copy of an image that was trained on is no better.
    held_out_pair = next(
        pair
        for seed in range(99)
        for pair in ([0, 2], [4, 6])
        if pair[0] in split_images(survey, seed=seed).val
    )
    for seed in range(30):
        splits = split_images(survey, seed=seed, seen={mark_of(survey.images[held_out_pair[1]])})
        assert set(held_out_pair).isdisjoint(splits.val)
    with pytest.raises(InputError, match=r"trained on all .*--seed"):
        split_images(survey, seed=0, seen={mark_of(image) for image in survey.images})


def test_an_owners_held_out_images_are_left_out_too_if_a_start_knows_them() -> None:
    images: list[Described] = [
        (0, "a" * 32, "train"), (1, "b" * 32, "train"), (0, "c" * 32, "val"), (1, "d" * 32, "val"),
        (1, "e" * 32, "test"),
    ]  # fmt: skip
    splits = split_images(survey_of(images), seed=0, seen={"d" * 12, "e" * 12})
    assert splits.val.tolist() == [2]
    assert splits.test.size == 0
    assert splits.seen.tolist() == [3, 4]
    assert "class1" in splits.findings[0].evidence


def test_the_split_of_earlier_versions_stays_what_it_was() -> None:
    survey = survey_of([(row % 2, str(row), None) for row in range(20)])
    splits = split_images(survey, seed=3, by="order")
    assert splits.val.tolist() == [3, 9, 12, 18]


@given(st.sets(st.integers(0, 16**12 - 1).map("{:012x}".format), max_size=50))
def test_marks_are_read_as_written(marks: set[str]) -> None:
    assert decode_marks(encode_marks(marks)) == marks
    assert len(encode_marks(marks)) == 8 * len(marks)


@pytest.mark.parametrize("text", ["AAAA", "not base64!", "AAAAAAAAA"])
def test_damaged_marks_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_marks(text)
