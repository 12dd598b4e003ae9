import pytest

from keiryo.errors import InputError
from keiryo.recordings.conditions import (
    Category,
    choose_labels,
    find_conditions,
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
