import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keiryo.data.audit import audit
from keiryo.data.pack import FORMAT_VERSION, PackedPicture, PackHeader
from keiryo.data.sources import Split
from keiryo.data.split import Splits, split_pictures
from keiryo.errors import InputError


def header_of(pictures: list[tuple[int, str, Split | None]], classes: int = 4) -> PackHeader:
    return PackHeader(
        format_version=FORMAT_VERSION,
        name="set",
        size=8,
        classes=[f"class{number}" for number in range(classes)],
        fingerprint="",
        checksum="",
        findings=[],
        pictures=[
            PackedPicture(name=f"p{row}", label=label, split=split, digest=digest)
            for row, (label, digest, split) in enumerate(pictures)
        ],
    )


def codes(header: PackHeader, splits: Splits) -> set[str]:
    return {finding.code for finding in audit(header, splits)}


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 60).map(str), st.none()),
        min_size=8,
        max_size=120,
    ),
    st.integers(0, 2**31),
)
def test_no_picture_is_on_both_sides_and_none_is_lost(
    pictures: list[tuple[int, str, None]], seed: int
) -> None:
    header = header_of(
        [*pictures, *((label, f"own{label}{n}", None) for label in range(4) for n in range(2))]
    )
    splits = split_pictures(header, seed=seed)
    assert sorted([*splits.train, *splits.val]) == list(range(len(header.pictures)))
    digests = [{header.pictures[row].digest for row in rows} for rows in (splits.train, splits.val)]
    assert digests[0].isdisjoint(digests[1])
    again = split_pictures(header, seed=seed)
    assert np.array_equal(splits.train, again.train)


def test_a_fifth_of_every_class_is_held_out() -> None:
    header = header_of([(row % 4, str(row), None) for row in range(400)])
    splits = split_pictures(header, seed=0)
    held_out = [header.pictures[row].label for row in splits.val]
    assert [held_out.count(label) for label in range(4)] == [20] * 4
    other = split_pictures(header, seed=1)
    assert not np.array_equal(splits.val, other.val)


def test_a_class_of_one_picture_is_trained_on_and_said() -> None:
    header = header_of(
        [*((label, f"{label}{n}", None) for label in range(2) for n in range(10)), (2, "x", None)]
    )
    splits = split_pictures(header, seed=0)
    assert 20 in splits.train
    assert {f.code for f in splits.findings} == {"class_too_small"}
    assert "class2" in splits.findings[0].evidence


def test_the_owners_split_is_kept_and_its_leaks_are_left_out() -> None:
    pictures: list[tuple[int, str, Split | None]] = [
        (0, "a", "train"), (1, "b", "train"), (0, "c", "train"), (1, "d", None),
        (0, "a", "val"), (1, "e", "val"), (0, "f", "test"), (1, "b", "test"),
    ]  # fmt: skip
    header = header_of(pictures)
    splits = split_pictures(header, seed=0)
    assert splits.train.tolist() == [0, 1, 2, 3]
    assert splits.val.tolist() == [5]
    assert splits.test.tolist() == [6]
    (leak,) = splits.findings
    assert leak.code == "split_leak"
    assert leak.files == ["p4", "p7"]


def test_a_test_folder_alone_is_what_is_held_out() -> None:
    header = header_of([(0, "a", "train"), (1, "b", "train"), (0, "c", "test"), (1, "d", "test")])
    splits = split_pictures(header, seed=0)
    assert splits.val.tolist() == [2, 3]
    assert splits.test.size == 0


def test_too_little_to_train_or_measure_is_refused() -> None:
    with pytest.raises(InputError, match="fewer than two classes"):
        split_pictures(header_of([(0, "a", None), (0, "b", None)]), seed=0)
    with pytest.raises(InputError, match="held out"):
        split_pictures(header_of([(0, "a", None), (1, "b", None)]), seed=0)


def test_the_audit_finds_copies_conflicts_and_imbalance() -> None:
    pictures: list[tuple[int, str, Split | None]] = [
        *((0, f"a{n}", None) for n in range(40)), *((1, f"b{n}", None) for n in range(5)),
        (0, "twice", None), (0, "twice", None), (0, "both", None), (1, "both", None),
    ]  # fmt: skip
    header = header_of(pictures)
    splits = split_pictures(header, seed=0)
    found = codes(header, splits)
    assert found == {"label_conflict", "exact_copies", "imbalance", "few_pictures"}
    conflict = next(f for f in audit(header, splits) if f.code == "label_conflict")
    assert conflict.files == ["p47 = p48"]


def test_a_clean_set_has_no_findings() -> None:
    header = header_of([(row % 2, str(row), None) for row in range(100)], classes=2)
    assert codes(header, split_pictures(header, seed=0)) == set()
