from pathlib import Path

import pytest

from keiryo.errors import InputError
from keiryo.recordings.conditions import (
    Category,
    choose_labels,
    find_conditions,
    read_condition_table,
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
    paths, found = read_condition_table(table)
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
        ("path,label,split\na.wav,b,train\n", "split"),
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
