import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from keiryo.data.locate import locate
from keiryo.data.packs.content import difference
from keiryo.data.packs.packing import prepare_pack
from keiryo.data.survey.survey import survey
from keiryo.errors import InputError


def copy_into(folder: Path, source: Path) -> Path:
    shutil.copytree(source, folder)
    return folder


def test_a_folder_of_classes(flower_folder: Path) -> None:
    source = locate(str(flower_folder))
    assert list(source.classes) == ["daisy", "dandelion", "rose"]
    assert len(source.items) == 48
    assert {item.split for item in source.items} == {None}


@pytest.mark.parametrize("held_out", ["val", "valid", "validation", "test"])
def test_a_folder_with_splits(flower_folder: Path, held_out: str, tmp_path: Path) -> None:
    copy_into(tmp_path / "train", flower_folder)
    copy_into(tmp_path / held_out, flower_folder)
    source = locate(str(tmp_path))
    assert list(source.classes) == ["daisy", "dandelion", "rose"]
    expected = "test" if held_out == "test" else "val"
    assert {item.split for item in source.items} == {"train", expected}


def test_names_with_spaces_quotes_and_japanese(flower_folder: Path, tmp_path: Path) -> None:
    image = flower_folder / "daisy" / "000.jpg"
    names = ["a b.jpg", 'it\'s "quoted".jpg', "花びら.JPG", "nested/deep/x.jpg"]
    for label in ("薔薇", "tu lip"):
        for name in names:
            target = tmp_path / label / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(image, target)
    source = locate(str(tmp_path))
    assert sorted(source.classes) == ["tu lip", "薔薇"]
    assert len(source.items) == 2 * len(names)
    assert source.read(0, 16, "crop").pixels.shape == (16, 16, 3)


def test_what_lies_beside_the_split_folders_is_said(flower_folder: Path, tmp_path: Path) -> None:
    for name in ("train", "val", "extra"):
        copy_into(tmp_path / name, flower_folder)
    (tmp_path / "labels.txt").write_text("mine")
    source = locate(str(tmp_path))
    assert len(source.items) == 2 * 48
    findings = {finding.code: finding for finding in source.findings}
    assert len(findings["beside_splits"].files) == 48
    assert findings["other_files"].files == ["labels.txt"]


def test_names_that_are_not_utf8_and_links_to_nothing(flower_folder: Path, tmp_path: Path) -> None:
    place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/s\xe9t"))
    folder = copy_into(place, flower_folder)
    odd = os.fsencode(folder / "rose") + b"/caf\xe9.jpg"
    Path(os.fsdecode(odd)).write_bytes((folder / "rose" / "000.jpg").read_bytes())
    (folder / "rose" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    source = locate(str(folder))
    assert source.fingerprint() == locate(str(folder)).fingerprint()
    pack = prepare_pack(source, size=16, fit="crop", folder=tmp_path / "pack", workers=1)
    assert "rose/caf\\xe9.jpg" in [image.name for image in pack.survey.images]
    assert [entry.name for entry in pack.survey.left_out] == ["rose/gone.jpg"]
    assert pack.survey.name == f"{tmp_path}/s\\xe9t"


def test_other_files_and_empty_classes_are_said(flower_folder: Path, tmp_path: Path) -> None:
    folder = copy_into(tmp_path / "set", flower_folder)
    (folder / "rose" / "notes.txt").write_text("mine")
    (folder / "loose.jpg").write_bytes(b"")
    (folder / "tulip").mkdir()
    findings = {finding.code: finding for finding in locate(str(folder)).findings}
    assert set(findings["other_files"].files) == {"rose/notes.txt", "loose.jpg"}
    assert findings["empty_class"].files == ["tulip"]


def test_formats_are_read_whatever_the_suffix_or_named(flower_folder: Path, tmp_path: Path) -> None:
    folder = copy_into(tmp_path / "set", flower_folder)
    image = Image.open(folder / "rose" / "000.jpg")
    for suffix in (".jfif", ".avif", ".jp2", ".tga", ".qoi"):
        image.save(folder / "rose" / f"odd{suffix}")
    for name in ("photo", "photo.xyz", "photo.jpg~", "photo.bak"):
        image.save(folder / "rose" / name, "WEBP")
    (folder / "tulip").mkdir()
    heic = b"\0\0\0\x18ftypheic" + bytes(40)
    for name in ("tulip/1.HEIC", "tulip/2", "rose/3.jpg", "rose/4.nef"):
        (folder / name).write_bytes(heic)
    source = locate(str(folder))
    found = survey(source, workers=1)
    read = {entry.name for entry in found.images}
    assert {f"rose/odd{suffix}" for suffix in (".jfif", ".avif", ".jp2", ".tga", ".qoi")} < read
    assert {"rose/photo", "rose/photo.xyz"} < read
    assert [(entry.name, entry.reason) for entry in found.left_out] == [
        ("rose/3.jpg", "HEIC, which is not read")
    ]
    assert not [entry for entry in found.images if "wrong_suffix" in entry.facts.notes]
    findings = {finding.code: finding for finding in source.findings}
    assert set(findings["unread_format"].files) == {"tulip/1.HEIC", "tulip/2", "rose/4.nef"}
    assert findings["unread_format"].severity == "warning"
    assert "1 .heic, 1 no suffix" in findings["unread_format"].evidence.replace("1 .nef, ", "")
    assert findings["empty_class"].severity == "warning"
    assert findings["empty_class"].files == ["tulip"]
    assert set(findings["other_files"].files) == {"rose/photo.jpg~", "rose/photo.bak"}


def test_a_folder_of_a_format_that_is_not_read_is_refused_by_its_name(tmp_path: Path) -> None:
    for label in ("daisy", "rose"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.heic").write_bytes(b"")
    with pytest.raises(InputError, match=r"2 \.heic\); convert"):
        locate(str(tmp_path))


def test_the_fingerprint_follows_the_files(flower_folder: Path, tmp_path: Path) -> None:
    folder = copy_into(tmp_path / "set", flower_folder)
    first = locate(str(folder)).fingerprint()
    assert locate(str(folder)).fingerprint() == first
    image = folder / "rose" / "000.jpg"
    os.utime(image, ns=(1, 1))
    changed = locate(str(folder)).fingerprint()
    assert changed != first
    image.rename(folder / "daisy" / "new.jpg")
    assert locate(str(folder)).fingerprint() not in (first, changed)


def write_csv(folder: Path, text: str) -> str:
    path = folder / "set.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_csv_with_a_split(flower_folder: Path) -> None:
    rows = [
        f"{path.relative_to(flower_folder)},{path.parent.name},{'val' if number % 4 == 0 else ''}"
        for number, path in enumerate(sorted(flower_folder.rglob("*.jpg")))
    ]
    csv = write_csv(flower_folder, "path,label,split\n" + "\n".join(rows))
    try:
        source = locate(csv)
    finally:
        Path(csv).unlink()
    assert len(source.items) == 48
    assert [item.split for item in source.items[:5]] == ["val", None, None, None, "val"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("file,label\n", "no column 'path' .its columns are 'file', 'label'"),
        ("file;class\n", "no column 'path' and 'label' .its columns are 'file', 'class'"),
        ("path,label\n", "no rows"),
        ("path,label\nabsent.jpg,rose\nx.jpg,daisy\n", "none of the 2 files .* exists, such as"),
        ("path,label\nset.csv,\n", "line 2: path or label is empty"),
        ("path,label\nset.csv\n", "line 2: path or label is empty"),
        ("path,label,split\nset.csv,rose,hold\n", "split is 'hold'"),
        ("path,label\n,rose\n,\nset.csv,rose\n1.jpg,", "lines 2, 5: path or label is empty"),
        ("", "'label' .it is empty"),
    ],
)
def test_a_faulty_csv_names_its_line(text: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=hint):
        locate(write_csv(tmp_path, text))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_missing_files_of_a_csv_are_listed_at_once_and_left_out(
    separator: str, flower_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(flower_folder, tmp_path / "images")
    rows = [
        ("path", "label"),
        ("images/daisy/000.jpg", "daisy"),
        (" images/rose/000.jpg ", " rose"),
        ("images\\rose\\001.jpg", "rose"),
        ("gone.jpg", "rose"),
        ("", ""),
        (f"{'long' * 200}.jpg", "tulip"),
    ]
    text = "\n".join(separator.join(row) for row in rows)
    source = locate(write_csv(tmp_path, text if separator == "," else f"sep={separator}\n{text}"))
    assert list(source.classes) == ["daisy", "rose"]
    assert [item.label for item in source.items] == [0, 1, 1]
    assert survey(source, workers=1).left_out == []
    findings = {finding.code: finding for finding in source.findings}
    lines = [5, 7] if separator == "," else [6, 8]
    assert [file.rpartition(" (")[2] for file in findings["missing_file"].files] == [
        f"line {line})" for line in lines
    ]
    assert findings["missing_file"].severity == "warning"
    assert findings["empty_class"].files == ["tulip"]


def test_what_is_no_data_is_refused(flower_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("text")
    one = copy_into(tmp_path / "one" / "daisy", flower_folder / "daisy").parent
    for data, hint in {
        tmp_path / "absent": "no such folder",
        tmp_path / "empty": "no images",
        tmp_path / "file.txt": "not a set of images; give one of these",
        one: "only one class, 'daisy'",
        "petals:count=abc": "whole number",
        "petals:count=3": "count must be a whole number from 10",
        "petals:colour=red": "no option 'colour'; it has count, seed",
        "petals:seed=1,seed=2": "given twice",
        "digits:count=5": "no option 'count'; it has none",
    }.items():
        with pytest.raises(InputError, match=hint):
            locate(str(data))


def test_digits_come_with_the_library() -> None:
    source = locate("digits")
    assert len(source.items) == 1797
    assert len(source.classes) == 10
    assert source.read(3, 32, "crop").pixels.shape == (32, 32, 3)


def test_links_are_followed_but_never_in_a_circle(flower_folder: Path, tmp_path: Path) -> None:
    folder = copy_into(tmp_path / "set", flower_folder)
    elsewhere = tmp_path / "elsewhere"
    (folder / "rose").rename(elsewhere)
    (folder / "rose").symlink_to(elsewhere)
    (elsewhere / "self").symlink_to(elsewhere)
    (elsewhere / "up").symlink_to(folder)
    (folder / "daisy" / "up").symlink_to(folder)
    (folder / "daisy" / "self").symlink_to("self")
    assert len(locate(str(folder)).items) == len(locate(str(flower_folder)).items)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_said(flower_folder: Path, tmp_path: Path) -> None:
    folder = copy_into(tmp_path / "set", flower_folder)
    (folder / "rose" / "secret").mkdir(mode=0)
    with pytest.raises(InputError, match="secret: may not be read"):
        locate(str(folder))


def test_a_top_level_link_back_is_no_class(flower_folder: Path, tmp_path: Path) -> None:
    folder = copy_into(tmp_path / "set", flower_folder)
    (folder / "self").symlink_to(folder)
    assert list(locate(str(folder)).classes) == list(locate(str(flower_folder)).classes)


def test_names_are_shown_without_what_a_terminal_would_obey(
    flower_folder: Path, tmp_path: Path
) -> None:
    folder = copy_into(tmp_path / "set", flower_folder)
    (folder / "rose").rename(folder / "ro\x1b[31mse\n")
    assert "ro\\x1b[31mse\\n" in locate(str(folder)).classes


def test_a_pipe_is_no_image(flower_folder: Path, tmp_path: Path) -> None:
    folder = copy_into(tmp_path / "set", flower_folder)
    os.mkfifo(folder / "rose" / "pipe.jpg")
    pack = prepare_pack(
        locate(str(folder)), size=8, fit="crop", folder=tmp_path / "pack", workers=1
    )
    assert [(e.name, e.reason) for e in pack.survey.left_out] == [
        ("rose/pipe.jpg", "no ordinary file")
    ]


def test_splits_without_a_training_one_are_refused(flower_folder: Path, tmp_path: Path) -> None:
    for split in ("val", "test"):
        copy_into(tmp_path / "set" / split, flower_folder)
    with pytest.raises(InputError, match="test and val but no train"):
        locate(str(tmp_path / "set"))


def test_a_csv_heading_and_labels_may_have_spaces_and_capitals(
    flower_folder: Path, tmp_path: Path
) -> None:
    rows = "".join(
        f"{flower_folder / name},{label}\n"
        for name, label in (
            ("rose/000.jpg", " rose"),
            ("daisy/000.jpg", "daisy "),
            ("rose/001.jpg", "rose"),
        )
    )
    (tmp_path / "list.csv").write_text(f"Path, Label\n{rows}")
    assert list(locate(str(tmp_path / "list.csv")).classes) == ["daisy", "rose"]


def spread(folder: Path, source: Path, names: list[str]) -> Path:
    """Copy a class folder of `source` to each of `names` within `folder`."""
    for name, label in zip(names, ["daisy", "dandelion", "rose"] * len(names), strict=False):
        copy_into(folder / name, source / label)
    return folder


def test_what_systems_and_keiryo_leave_in_a_folder_is_no_data(
    flower_folder: Path, tmp_path: Path
) -> None:
    folder = copy_into(tmp_path / "set", flower_folder)
    before = locate(str(folder)).fingerprint()
    left = ["__MACOSX", "@eaDir", ".cache/a", "daisy/.ipynb_checkpoints", "rose/@eaDir/thumbs"]
    spread(folder, flower_folder, left)
    own = {"comparison": "plan.json", "daisy/old": "results.json", "packed": "pack.json"}
    for name, file in own.items():
        spread(folder, flower_folder, [f"{name}/curves"])
        (folder / name / file).write_text('{"keiryo_version": "1", "format_version": 1}')
    # A plan of the user's own is no plan of keiryo's.
    (folder / "rose" / "plan.json").write_text('{"monday": "water them"}')
    source = locate(str(folder))
    assert list(source.classes) == ["daisy", "dandelion", "rose"]
    assert source.fingerprint() == before
    findings = {finding.code: finding.files for finding in source.findings}
    assert findings["ignored_folders"] == ["@eaDir", "__MACOSX", "comparison", "packed"]
    with pytest.raises(InputError, match="written by keiryo"):
        locate(str(folder / "comparison"))


@pytest.mark.parametrize(
    ("train", "test", "beside"),
    [
        ("seg_train/seg_train", "seg_test/seg_test", "seg_pred/seg_pred"),
        ("training_set/training_set", "test_set/test_set", "pred"),
        ("images-Train", "images-val", "spare"),
        ("train/train", "test", "more"),
    ],
)
def test_split_folders_as_archives_have_them(
    train: str, test: str, beside: str, flower_folder: Path, tmp_path: Path
) -> None:
    copy_into(tmp_path / train, flower_folder)
    copy_into(tmp_path / test, flower_folder)
    copy_into(tmp_path / beside, flower_folder / "rose")
    source = locate(str(tmp_path))
    assert list(source.classes) == ["daisy", "dandelion", "rose"]
    held_out = "val" if "val" in test else "test"
    assert {(item.split, item.name.startswith(train)) for item in source.items} == {
        ("train", True), (held_out, False),
    }  # fmt: skip
    assert len(source.items) == 96
    assert len(next(f.files for f in source.findings if f.code == "beside_splits")) == 16


@pytest.mark.parametrize(
    "classes",
    [
        ["bus", "car", "train"],
        ["test", "train 1", "train 2"],
        ["bullet_train", "freight_train"],
        ["bus/2019", "bus/2020", "car", "plane", "train/2019", "train/2020"],
        ["test_tube", "train_wheel"],
    ],
)
def test_a_class_may_be_called_train(
    classes: list[str], flower_folder: Path, tmp_path: Path
) -> None:
    source = locate(str(spread(tmp_path, flower_folder, classes)))
    assert list(source.classes) == sorted({name.partition("/")[0] for name in classes})
    assert {item.split for item in source.items} == {None}


def test_a_split_folder_without_class_folders_is_said(flower_folder: Path, tmp_path: Path) -> None:
    copy_into(tmp_path / "train", flower_folder)
    copy_into(tmp_path / "test", flower_folder / "rose")
    source = locate(str(tmp_path))
    assert {item.split for item in source.items} == {"train"}
    (finding,) = source.findings
    assert (finding.code, finding.severity, len(finding.files)) == ("unlabelled", "warning", 16)


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        (["."], r"its 16 images lie in no folder of a class; .*/CLASS/\*\.jpg"),
        (["train", "val"], "the images in train and val are in no folder of a class"),
        (["flowers/daisy", "flowers/rose"], "only one class, 'flowers'.* give .*/set/flowers inst"),
    ],
)
def test_folders_without_classes_are_refused_with_advice(
    names: list[str], hint: str, flower_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=hint):
        locate(str(spread(tmp_path / "set", flower_folder, names)))


def test_a_class_without_a_readable_image_is_none(flower_folder: Path, tmp_path: Path) -> None:
    folder = copy_into(tmp_path / "set", flower_folder)
    for image in (folder / "dandelion").iterdir():
        image.write_bytes(b"no image")
    source = locate(str(folder))
    surveyed = survey(source, workers=1)
    assert surveyed.classes == ["daisy", "rose"]
    labels = {image.name.partition("/")[0]: image.label for image in surveyed.images}
    assert labels == {"daisy": 0, "rose": 1}
    (finding,) = (each for each in surveyed.findings if each.code == "class_unreadable")
    assert finding.evidence.endswith("dandelion")
    assert len(finding.files) == 16
    assert difference(surveyed, source).is_none
    (folder / "dandelion" / "000.jpg").write_bytes(b"another")
    changed = difference(surveyed, locate(str(folder)))
    assert changed.words == "1 image new, 1 image no longer there"
