from pathlib import Path

import pytest

from keiryo.errors import InputError
from keiryo.recordings.conditions import (
    Category,
    choose_labels,
    find_conditions,
    read_condition_table,
    written_conditions,
)

CATEGORIES = [
    Category(name="digit", values=["0", "3"]),
    Category(name="speaker", values=["jackson", "theo"]),
]


def test_each_named_group_is_a_category_with_its_values_in_order() -> None:
    found = find_conditions(
        ["take_10_theo_1.wav", "9_ada_0.wav", "10_ada_3.wav"], r"(?P<digit>\d+)_(?P<who>[a-z]+)_"
    )
    assert found.categories == [
        Category(name="digit", values=["9", "10"]),
        Category(name="who", values=["ada", "theo"]),
    ]
    assert found.labels == [[1, 1], [0, 0], [1, 0]]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"(?P<digit>\d)_", r"noise\.wav: does not match .*\\d.*2 of 3 names do not"),
        (r"(?P<digit>\d)?", "noise.wav"),
        (r"(\d)_", "names no group"),
        (r"(?P<digit>\d", "not a regular expression"),
    ],
)
def test_a_pattern_that_does_not_serve_is_refused(pattern: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        find_conditions(["3_a.wav", "noise.wav", "hum.wav"], pattern)
    assert "\n" not in str(refused.value)


def test_columns_of_a_table_are_categories(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("Path,label,room\na.wav, hum ,2\n\nb/c.wav,bell,1\n", encoding="utf-8-sig")
    paths, found, splits = read_condition_table(table)
    assert splits is None
    assert paths == ["a.wav", "b/c.wav"]
    assert [category.name for category in found.categories] == ["label", "room"]
    assert found.categories[0].values == ["bell", "hum"]
    assert found.labels == [[1, 1], [0, 0]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,label\na.wav,1\n", "no column 'path'"),
        ("path,label\n", "no rows"),
        ("path,label\na.wav,\n", "line 2"),
        ("path,label\na.wav,b,c\n", "line 2"),
        ("path,label,split\na.wav,b,side\n", "line 2: split 'side'; give one of train"),
        ("path,label,label\na.wav,b,c\n", "same name"),
        ("", "no column"),
    ],
)
def test_a_table_that_does_not_serve_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_condition_table(tmp_path / "labels.csv")


def test_values_are_chosen_by_name_in_any_order() -> None:
    assert choose_labels(CATEGORIES, "speaker=theo, digit=0") == [0, 1]
    assert choose_labels([], "") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("digit=3", "add speaker, for example speaker=jackson"),
        ("digit=3,speaker=teo", "did you mean theo"),
        ("digit=4,speaker=theo", "It has 0, 3"),
        ("voice=theo", "there is digit, speaker"),
        ("digit=3,digit=0,speaker=theo", "twice"),
        ("theo", "no condition 'theo'"),
    ],
)
def test_what_chooses_no_value_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        choose_labels(CATEGORIES, text)


def test_a_value_may_have_commas_and_equal_signs_in_it() -> None:
    categories = [
        Category(name="speaker", values=["Doe", "Doe, John", "Doe, John, word=a"]),
        Category(name="word", values=["a", "a,b"]),
    ]
    for speaker, name in enumerate(categories[0].values):
        for word, said in enumerate(categories[1].values):
            text = written_conditions({"speaker": name, "word": said})
            if name != "Doe, John, word=a":  # its end might be a word of its own
                assert choose_labels(categories, text) == [speaker, word]
    assert choose_labels(categories, "word=a,b,speaker=Doe, John, word=a") == [2, 1]
    with pytest.raises(InputError, match=r"^--condition: add speaker"):
        choose_labels(categories, "")


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators_and_splits_are_read(separator: str, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    rows = [("path", "split", "who"), ("a,1.wav", "train", "x"), ("b.wav", "Test", "y")]
    table.write_text("".join(separator.join(row) + "\n" for row in rows))
    found = read_condition_table(table)
    assert found.paths == ["a,1.wav", "b.wav"]
    assert found.splits == ["train", "val"]
    assert [category.name for category in found.conditions.categories] == ["who"]


def test_the_table_of_ljspeech_is_read_without_its_text(tmp_path: Path) -> None:
    (tmp_path / "wavs").mkdir()
    (tmp_path / "wavs" / "LJ001-0001.wav").write_bytes(b"")
    table = tmp_path / "metadata.csv"
    table.write_text('LJ001-0001|Printing, in "the|Printing, in the\nLJ001-0002|a|a\n')
    found = read_condition_table(table)
    assert found.paths == ["wavs/LJ001-0001.wav", "wavs/LJ001-0002.wav"]
    assert found.conditions.labels == [[], []]
