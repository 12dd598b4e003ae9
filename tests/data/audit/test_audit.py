from dataclasses import replace

import pytest

from keiryo.data.audit.audit import audit
from keiryo.data.audit.odd_images import effects_of_fitting
from keiryo.data.image.facts import ImageFacts
from keiryo.data.items import LeftOut
from keiryo.records.data import DataCheck
from surveys import PLAIN, Described, survey_of


def codes(check: DataCheck) -> set[str]:
    return {finding.code for finding in check.findings}


def even(count: int) -> list[Described]:
    return [(row % 2, str(row), None) for row in range(count)]


def test_copies_conflicts_and_imbalance_are_found() -> None:
    images: list[Described] = [
        *((0, f"a{n}", None) for n in range(40)), *((1, f"b{n}", None) for n in range(5)),
        (0, "twice", None), (0, "twice", None), (0, "both", None), (1, "both", None),
    ]  # fmt: skip
    check = audit(survey_of(images, classes=2))
    assert codes(check) == {"label_conflict", "exact_copies", "imbalance", "few_pictures"}
    assert [group.files for group in check.label_conflicts] == [["p47", "p48"]]
    assert [group.labels for group in check.label_conflicts] == [["class0", "class1"]]
    assert [group.files for group in check.exact_copies] == [["p45", "p46"], ["p47", "p48"]]
    assert check.imbalance.ratio == pytest.approx(43 / 6, abs=0.01)
    assert [f.severity for f in check.findings] == ["error", "warning", "warning", "info"]


def test_near_copies_are_told_apart_by_their_labels() -> None:
    check = audit(survey_of(even(60), classes=2, near=[(0, 2, 4), (4, 7, 12)]))
    assert codes(check) == {"near_copies", "near_conflict"}
    assert [(group.files, group.distance) for group in check.near_copies] == [
        (["p0", "p2"], 4),
        (["p4", "p7"], 12),
    ]


def test_leaks_between_splits_are_found_with_the_nearest_training_image() -> None:
    images: list[Described] = [(row % 2, str(row), "train") for row in range(50)]
    images += [(row % 2, str(row), "val") for row in range(100, 150)]
    images += [(0, "0", "val"), (1, "fresh", "test")]
    check = audit(survey_of(images, classes=2, near=[(3, 60, 10), (5, 60, 6), (60, 101, 8)]))
    leaks = {group.files[1]: (group.files[0], group.distance) for group in check.split_leaks}
    # The last is near no training image, but near one that is.
    assert leaks == {"p60": ("p5", 6), "p100": ("p0", 0), "p101": ("p3", None)}
    assert check.splits == {"train": 50, "val": 51, "test": 1}
    (leak,) = [finding for finding in check.findings if finding.code == "split_leak"]
    assert leak.severity == "error"
    assert "1 exactly and 2 nearly" in leak.evidence


def test_what_could_not_be_read_is_listed() -> None:
    survey = survey_of(even(60), classes=2)
    survey.left_out.append(LeftOut("a.jpg", "unreadable", "the file is empty"))
    check = audit(survey)
    assert codes(check) == {"unreadable"}
    assert (check.unreadable[0].file, check.unreadable[0].reason) == ("a.jpg", "the file is empty")
    assert check.images == 60


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        ("blank", replace(PLAIN, contrast=1.0)),
        ("dark", replace(PLAIN, brightness=5.0, contrast=8.0)),
        ("blurred", replace(PLAIN, sharpness=3.0)),
        ("gray", replace(PLAIN, notes=("gray",))),
        ("odd_size", replace(PLAIN, width=20, height=20)),
        ("elongated", replace(PLAIN, width=300)),
        ("turned", replace(PLAIN, notes=("turned",))),
        ("tiny", replace(PLAIN, notes=("tiny",))),
        ("cmyk", replace(PLAIN, notes=("cmyk",))),
    ],
)
def test_an_odd_image_is_named(code: str, facts: ImageFacts) -> None:
    check = audit(survey_of(even(60), classes=2, facts={7: facts}))
    assert codes(check) == {code}
    assert check.findings[0].files == ["p7"]


def test_a_clean_set_has_no_findings() -> None:
    assert codes(audit(survey_of(even(100), classes=2))) == set()


def test_a_set_all_in_grey_is_not_odd() -> None:
    gray = {row: replace(PLAIN, notes=("gray",)) for row in range(60)}
    assert codes(audit(survey_of(even(60), classes=2, facts=gray))) == set()


def test_images_that_were_enlarged_before_are_told_where_they_are_most_of_the_set() -> None:
    enlarged = replace(PLAIN, width=200, height=160, detail=32)
    few = dict.fromkeys(range(20), enlarged)
    assert codes(audit(survey_of(even(60), classes=2, facts=few))) == set()
    (finding,) = audit(
        survey_of(even(60), classes=2, facts=dict.fromkeys(range(40), enlarged))
    ).findings
    assert (finding.code, finding.severity) == ("little_detail", "warning")
    assert "67% of the images" in finding.evidence
    assert "32 x 32" in finding.evidence
    assert "160" in finding.evidence


def test_what_fitting_does_is_said() -> None:
    wide = {row: replace(PLAIN, width=180) for row in range(10)}
    survey = survey_of(even(60), classes=2, facts=wide)
    (cut_off,) = effects_of_fitting(survey, size=100, fit="crop")
    assert (cut_off.code, len(cut_off.files)) == ("cut_off", 10)
    assert "10 images lose a tenth of the area or more by --fit crop, 44%" in cut_off.evidence
    assert not list(effects_of_fitting(survey, size=100, fit="letterbox"))
    photographs = {row: replace(PLAIN, width=120, height=90) for row in range(60)}
    (cut_off,) = effects_of_fitting(
        survey_of(even(60), classes=2, facts=photographs), size=90, fit="crop"
    )
    assert (cut_off.severity, cut_off.files) == ("info", [])
    assert "60 images lose a tenth of the area or more by --fit crop, 25%" in cut_off.evidence
    nearly_square = {row: replace(PLAIN, width=99, height=90) for row in range(60)}
    assert not list(
        effects_of_fitting(survey_of(even(60), classes=2, facts=nearly_square), size=90, fit="crop")
    )
    (enlarged,) = effects_of_fitting(survey, size=224, fit="stretch")
    assert enlarged.code == "enlarged"
    assert "--size 100" in enlarged.advice


def test_a_class_on_one_side_of_a_split_is_named() -> None:
    images: list[Described] = [(row % 2, str(row), "train") for row in range(60)]
    images += [(2 * (row % 2), str(100 + row), "val") for row in range(60)]
    check = audit(survey_of(images, classes=3))
    assert codes(check) == {"class_on_one_side"}
    assert {finding.evidence for finding in check.findings} == {
        "1 class has no training image: 'class2'",
        "1 class has no held-out image: 'class1'",
    }


def test_many_alike_on_both_sides_are_a_warning() -> None:
    images: list[Described] = [
        (row % 2, str(row), "val" if row > 150 else "train") for row in range(200)
    ]
    chain = [(row, row + 1, 20) for row in range(199)]
    (finding,) = audit(survey_of(images, classes=2, near=chain)).findings
    assert (finding.code, finding.severity) == ("too_alike", "warning")


def test_many_small_classes_are_a_short_sentence() -> None:
    check = audit(survey_of([(row % 300, str(row), None) for row in range(600)], classes=300))
    (finding,) = [finding for finding in check.findings if finding.code == "few_pictures"]
    assert "300 classes have fewer than 20 images" in finding.evidence
    assert "and 292 more" in finding.evidence
    assert len(finding.evidence) < 300
