from pathlib import Path

import pytest

from keiryo.errors import InputError
from keiryo.recordings.locate import locate_recordings
from small_recordings import tone, write

PATTERN = r"(?P<digit>\d)_"


def test_a_folder_is_searched_at_any_depth(tmp_path: Path) -> None:
    for name in ("3_a.wav", "deep/er/4_b.flac", "5_c.OGG"):
        write(tmp_path / name, tone(1000))
    (tmp_path / "notes.txt").write_text("not a recording")
    (tmp_path / "6_d.m4a").write_bytes(b"")
    source = locate_recordings(str(tmp_path), condition=PATTERN)
    assert list(source.names) == ["3_a.wav", "5_c.OGG", "deep/er/4_b.flac"]
    assert source.conditions.labels == [[0], [2], [1]]
    (finding,) = source.findings
    assert finding.files == ["6_d.m4a", "notes.txt"]
    assert not locate_recordings(str(tmp_path)).conditions.categories


def test_folders_are_searched_where_names_do_not_match(tmp_path: Path) -> None:
    for word in ("yes", "no"):
        write(tmp_path / word / "0a7c_nohash_0.wav", tone(1000))
    source = locate_recordings(str(tmp_path), condition=r"(?P<word>\w+)/")
    assert [category.values for category in source.conditions.categories] == [["no", "yes"]]
    with pytest.raises(InputError, match=r"^0a7c_nohash_0\.wav: does not match .* nor"):
        locate_recordings(str(tmp_path), condition=PATTERN)
    # A name that matches is preferred to its folder.
    write(tmp_path / "digits" / "3_" / "4_a.wav", tone(1000))
    source = locate_recordings(str(tmp_path / "digits"), condition=PATTERN)
    assert source.conditions.categories[0].values == ["4"]


def test_folders_of_a_split_are_its_sides(tmp_path: Path) -> None:
    for name in ("train/3_a.wav", "valid/4_b.wav", "test/5_c.wav", "6_d.wav"):
        write(tmp_path / name, tone(1000))
    source = locate_recordings(str(tmp_path), condition=PATTERN)
    assert list(source.names) == ["test/5_c.wav", "train/3_a.wav", "valid/4_b.wav"]
    assert source.splits == ["val", "train", "val"]
    (finding,) = source.findings
    assert (finding.code, finding.files) == ("beside_splits", ["6_d.wav"])


def test_a_table_names_files_from_its_own_folder(tmp_path: Path) -> None:
    write(tmp_path / "sounds" / "a.wav", tone(1000))
    write(tmp_path / "sounds" / "b.wav", tone(1000))
    table = tmp_path / "labels.csv"
    table.write_text("path,label\nsounds/b.wav,hum\nsounds/a.wav,bell\n")
    source = locate_recordings(str(table))
    assert list(source.names) == ["sounds/b.wav", "sounds/a.wav"]
    assert source.conditions.categories[0].values == ["bell", "hum"]
    assert source.conditions.labels == [[1], [0]]
    assert next(source.blocks(0)).shape == (1000, 1)


def test_a_fingerprint_tells_files_and_labels(tmp_path: Path) -> None:
    write(tmp_path / "3_a.wav", tone(1000))
    plain = locate_recordings(str(tmp_path)).fingerprint()
    assert locate_recordings(str(tmp_path)).fingerprint() == plain
    assert locate_recordings(str(tmp_path), condition=PATTERN).fingerprint() != plain
    write(tmp_path / "3_a.wav", tone(1001))
    assert locate_recordings(str(tmp_path)).fingerprint() != plain


def test_what_is_no_set_of_recordings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "a.wav", tone(1000))
    (tmp_path / "notes.txt").write_text("")
    table = tmp_path / "labels.csv"
    for data, said in (
        ("empty", "no recordings in it"),
        ("a.wav", "a single recording"),
        ("notes.txt", "not a set of recordings; give one of these"),
        ("absent", "no such folder"),
    ):
        with pytest.raises(InputError, match=f"{data}: {said}"):
            locate_recordings(str(tmp_path / data))
    for text, said in (("absent.wav,1", "none of the 1 files"), ("a.wav,1\na.wav,2", "twice")):
        table.write_text(f"path,label\n{text}\n")
        with pytest.raises(InputError, match=said):
            locate_recordings(str(table))


def test_conditions_are_not_taken_from_two_places(tmp_path: Path) -> None:
    write(tmp_path / "3_a.wav", tone(1000))
    (tmp_path / "labels.csv").write_text("path,label\n3_a.wav,hum\n")
    for data in ("tones", str(tmp_path / "labels.csv")):
        with pytest.raises(InputError, match="--condition"):
            locate_recordings(data, condition=PATTERN)
