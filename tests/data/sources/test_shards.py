import io
import json
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from conftest import write_images
from keiryo.data.locate import locate
from keiryo.data.packs.packing import prepare_pack
from keiryo.errors import InputError


def write_shard(path: Path, files: Iterable[tuple[str, bytes]]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"), classes=2, each=6)


def as_webdataset(folder: Path, names: Iterable[str], label: str) -> list[tuple[str, bytes]]:
    files = []
    for name in names:
        key, _, _ = name.replace("/", "_").partition(".")
        number = "01"[name.startswith("dandelion")]
        content = {"cls": number, "txt": number, "json": json.dumps({"label": number})}[label]
        files.append((f"{key}.jpg", (folder / name).read_bytes()))
        files.append((f"{key}.{label}", content.encode()))
    return files


def names_in(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in sorted(folder.rglob("*.jpg"))]


@pytest.mark.parametrize("label", ["cls", "txt", "json"])
def test_shards_hold_what_the_folder_holds(label: str, images: Path, tmp_path: Path) -> None:
    names = names_in(images)
    write_shard(tmp_path / "flowers-000.tar", as_webdataset(images, names[:5], label))
    write_shard(tmp_path / "flowers-001.tar", as_webdataset(images, names[5:], label))
    folder = locate(str(images))
    url = (tmp_path / "flowers-*.tar").as_uri().replace("%2A", "*")
    for data in (str(tmp_path), str(tmp_path / "flowers-{000..001}.tar"), url):
        shards = locate(data)
        assert list(shards.classes) == ["0", "1"]
        assert [item.label for item in shards.items] == [item.label for item in folder.items]
        for index in (0, 4, 5, 11):
            np.testing.assert_array_equal(
                shards.read(index, 20, "crop").pixels, folder.read(index, 20, "crop").pixels
            )
    pack = prepare_pack(shards, size=16, fit="crop", folder=tmp_path / "pack", workers=2)
    assert len(pack.images) == 12


def test_folders_in_a_shard_are_classes_and_its_name_is_the_split(
    images: Path, tmp_path: Path
) -> None:
    files = [(name, (images / name).read_bytes()) for name in names_in(images)]
    write_shard(tmp_path / "train-0.tar", files[:4] + files[6:10])
    write_shard(tmp_path / "val-0.tar", files[4:6] + files[10:])
    source = locate(str(tmp_path))
    assert list(source.classes) == ["daisy", "dandelion"]
    assert [item.split for item in source.items] == ["train"] * 8 + ["val"] * 4
    first = source.fingerprint()
    assert locate(str(tmp_path)).fingerprint() == first
    write_shard(tmp_path / "val-0.tar", files[4:6])
    assert locate(str(tmp_path)).fingerprint() != first


def test_what_is_no_labelled_image_is_listed(images: Path, tmp_path: Path) -> None:
    image = (images / "daisy" / "000.jpg").read_bytes()
    files = [(f"{number}.{suffix}", content) for number in range(4)
             for suffix, content in (("jpg", image), ("cls", b"%d" % (number % 2)))]  # fmt: skip
    write_shard(tmp_path / "a.tar", [*files, ("9.jpg", image), ("readme.md", b"mine")])
    source = locate(str(tmp_path / "a.tar"))
    assert len(source.items) == 4
    (others,) = source.findings
    assert others.files == ["a.tar/9", "a.tar/readme"]


def test_damaged_and_absent_shards_are_refused_in_a_line(images: Path, tmp_path: Path) -> None:
    (tmp_path / "text.tar").write_text("no archive")
    write_shard(tmp_path / "empty.tar", [])
    write_shard(tmp_path / "bad.tar", [("1.jpg", b""), ("1.json", b"{}")])
    cases = {
        "absent.tar": "no such file",
        "text.tar": "not a tar file",
        "empty.tar": "no labelled images",
        "bad.tar": "1.json holds no label",
        "none-*.tar": "no such files",
    }
    for name, message in cases.items():
        with pytest.raises(InputError, match=message):
            locate(str(tmp_path / name))


def test_a_shard_cut_short_after_it_was_listed_gives_unreadable_images(
    images: Path, tmp_path: Path
) -> None:
    files = [(name, (images / name).read_bytes()) for name in names_in(images)]
    shard = tmp_path / "a.tar"
    write_shard(shard, files)
    source = locate(str(shard))
    data = shard.read_bytes()
    shard.write_bytes(data[: len(data) // 2])
    pack = prepare_pack(source, size=16, fit="crop", folder=tmp_path / "pack", workers=1)
    assert 0 < len(pack.images) < 12
    assert len(pack.images) + len(pack.survey.left_out) == 12


def test_a_damaged_header_within_a_shard_is_said(images: Path, tmp_path: Path) -> None:
    files = [(name, (images / name).read_bytes()) for name in names_in(images)]
    write_shard(tmp_path / "a.tar", files)
    assert not locate(str(tmp_path / "a.tar")).findings
    with tarfile.open(tmp_path / "a.tar") as archive:
        header = archive.getmembers()[8].offset
    data = bytearray((tmp_path / "a.tar").read_bytes())
    data[header + 150] ^= 0xFF
    (tmp_path / "a.tar").write_bytes(data)
    source = locate(str(tmp_path / "a.tar"))
    assert len(source.items) == 8
    assert [finding.code for finding in source.findings] == ["damaged_shard"]


def test_an_archive_beside_class_folders_is_not_the_data(images: Path, tmp_path: Path) -> None:
    shutil.copytree(images, tmp_path / "set")
    write_shard(tmp_path / "set" / "backup.tar", [("1.jpg", b""), ("1.cls", b"0")])
    source = locate(str(tmp_path / "set"))
    assert list(source.classes) == ["daisy", "dandelion"]
    assert source.findings[0].files == ["backup.tar"]
