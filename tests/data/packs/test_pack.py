import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keiryo.data.locate import locate
from keiryo.data.packs.images import RemoteImageRows
from keiryo.data.packs.pack import HEADER_FILE, IMAGES_FILE, Pack, PackSource, open_pack
from keiryo.data.packs.packing import prepare_pack
from keiryo.errors import InputError


def pack_of(folder: Path, out: Path, size: int = 24) -> tuple[Pack, int]:
    """Return the pack and how many images were decoded for it."""
    decoded = 0

    def count(done: int, total: int) -> None:
        nonlocal decoded
        decoded = done

    return prepare_pack(
        locate(str(folder)), size=size, fit="crop", folder=out, workers=2, progress=count
    ), decoded


@pytest.fixture(scope="module")
def small_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of ten images; not to be changed."""
    folder = tmp_path_factory.mktemp("small") / "pack"
    source = locate("petals:count=10")
    prepare_pack(source, size=8, fit="crop", folder=folder, workers=1)
    return folder


def test_a_pack_holds_what_the_source_reads(flower_folder: Path, tmp_path: Path) -> None:
    source = locate(str(flower_folder))
    pack, _ = pack_of(flower_folder, tmp_path / "pack")
    assert pack.images.shape == (48, 24, 24, 3)
    assert isinstance(pack.images, np.memmap)
    for row in (0, 20, 47):
        np.testing.assert_array_equal(pack.images[row], source.read(row, 24, "crop").pixels)
        assert pack.survey.images[row].name == source.items[row].name
        assert pack.labels[row] == source.items[row].label


def test_it_is_used_again_until_folder_or_size_change(flower_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(flower_folder, folder)
    out = tmp_path / "pack"
    assert pack_of(folder, out)[1] == 48
    assert pack_of(folder, out)[1] == 0
    assert pack_of(folder, out, size=16)[1] == 48
    (folder / "rose" / "000.jpg").unlink()
    assert pack_of(folder, out, size=16)[1] == 47
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("file", [HEADER_FILE, IMAGES_FILE])
def test_a_damaged_pack_is_found_out_and_made_again(
    file: str, flower_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "pack"
    pack_of(flower_folder, out)
    data = bytearray((out / file).read_bytes())
    data[len(data) // 2] ^= 0xFF
    (out / file).write_bytes(data[:-1] if file == HEADER_FILE else data)
    with pytest.raises(InputError, match="pack"):
        open_pack(out)
    assert pack_of(flower_folder, out)[1] == 48
    open_pack(out)


def test_a_pack_of_another_version_is_refused(flower_folder: Path, tmp_path: Path) -> None:
    pack_of(flower_folder, tmp_path / "pack")
    header = json.loads((tmp_path / "pack" / HEADER_FILE).read_text())
    (tmp_path / "pack" / HEADER_FILE).write_text(json.dumps(header | {"format_version": 99}))
    with pytest.raises(InputError, match="version 99"):
        open_pack(tmp_path / "pack")


def test_what_cannot_be_read_is_left_out_and_listed(flower_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(flower_folder, folder)
    whole = (folder / "rose" / "001.jpg").read_bytes()
    (folder / "rose" / "001.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "rose" / "002.jpg").write_bytes(b"")
    (folder / "daisy" / "003.jpg").write_text("no image")
    pack, _ = pack_of(folder, tmp_path / "pack")
    assert [entry.name for entry in pack.survey.left_out] == [
        "daisy/003.jpg",
        "rose/001.jpg",
        "rose/002.jpg",
    ]
    assert len(pack.survey.images) == 45
    source = locate(str(folder))
    last = pack.survey.images[-1]
    index = next(i for i, item in enumerate(source.items) if item.name == last.name)
    np.testing.assert_array_equal(pack.images[44], source.read(index, 24, "crop").pixels)


def test_a_pack_is_data_itself(flower_folder: Path, tmp_path: Path) -> None:
    pack_of(flower_folder, tmp_path / "pack")
    source = locate(str(tmp_path / "pack"))
    again = prepare_pack(source, size=24, fit="crop", folder=tmp_path / "elsewhere", workers=1)
    assert again.images.shape == (48, 24, 24, 3)
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(InputError, match="--size 32"):
        prepare_pack(source, size=32, fit="crop", folder=tmp_path / "elsewhere", workers=1)
    with pytest.raises(InputError, match="--fit letterbox"):
        prepare_pack(source, size=24, fit="letterbox", folder=tmp_path / "elsewhere", workers=1)


@given(share=st.floats(0, 1, exclude_max=True), file=st.sampled_from([HEADER_FILE, IMAGES_FILE]))
@settings(max_examples=60)
def test_no_flipped_byte_is_ever_read_as_data(
    share: float, file: str, small_pack: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    damaged = tmp_path_factory.mktemp("damaged") / "pack"
    shutil.copytree(small_pack, damaged)
    data = bytearray((damaged / file).read_bytes())
    data[int(share * len(data))] ^= 0x01
    (damaged / file).write_bytes(data)
    with pytest.raises(InputError, match="pack"):
        open_pack(damaged)


@pytest.mark.parametrize("file", [HEADER_FILE, IMAGES_FILE])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_pack_cut_short_is_refused(
    file: str, kept: float, small_pack: Path, tmp_path: Path
) -> None:
    shutil.copytree(small_pack, tmp_path / "pack")
    data = (tmp_path / "pack" / file).read_bytes()
    (tmp_path / "pack" / file).write_bytes(data[: int(kept * len(data))])
    with pytest.raises(InputError, match="pack"):
        open_pack(tmp_path / "pack")
    with pytest.raises(InputError, match="pack"):
        open_pack(tmp_path / "pack", verify=False)


def test_a_pack_elsewhere_is_read_by_its_url_and_verified(small_pack: Path, tmp_path: Path) -> None:
    shutil.copytree(small_pack, tmp_path / "pack")
    url = (tmp_path / "pack").as_uri()
    here, there = open_pack(small_pack), locate(url)
    assert isinstance(there, PackSource)
    images = there.pack.images
    assert images.shape == here.images.shape
    assert isinstance(images, RemoteImageRows)
    for rows in (5, slice(3, 9), np.array([0, 7, 7, 2])):
        np.testing.assert_array_equal(images[rows], here.images[rows])
    file = tmp_path / "pack" / IMAGES_FILE
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    np.testing.assert_array_equal(images[0], here.images[0])
    with pytest.raises(InputError, match="checksum"):
        images[len(images) - 1]


def test_a_url_of_nothing_is_refused_in_a_line(tmp_path: Path) -> None:
    for data in ("nosuch://bucket/pack", (tmp_path / "absent").as_uri()):
        with pytest.raises(InputError, match=data.partition(":")[0]):
            locate(data)
