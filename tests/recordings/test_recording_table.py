"""Tables of recordings as people and programs write them."""

from pathlib import Path

import pytest

from keiryo.errors import InputError
from keiryo.recordings.locate import locate_recordings
from keiryo.recordings.sources.recording_table import read_recording_table
from small_recordings import tone, write


def test_columns_of_a_table_are_categories(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("Path,label,room\na.wav, hum ,2\n\nb/c.wav,bell,1\n", encoding="utf-8-sig")
    names, rows = read_recording_table(table)
    assert names == ["label", "room"]
    assert [(row.line, row.path, row.values, row.split) for row in rows] == [
        (2, "a.wav", ("hum", "2"), None),
        (4, "b/c.wav", ("bell", "1"), None),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,label\na.wav,1\n", "no column 'path'"),
        ("path,label\n", "no rows"),
        ("path,label\na.wav,\n\nb.wav,\n", "lines 2, 4"),
        ("path,label\na.wav,b,c\n", "line 2"),
        ("path,label,split\na.wav,b,side\n", "line 2: split 'side'; give one of train"),
        ("path,label,label\na.wav,b,c\n", "same name"),
        ("", "no column"),
    ],
)
def test_a_table_that_does_not_serve_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_recording_table(tmp_path / "labels.csv")


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators_and_splits_are_read(separator: str, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    rows = [("path", "split", "who"), ("a,1.wav", "train", "x"), ("b.wav", "Test", "y")]
    table.write_text("".join(separator.join(row) + "\n" for row in rows))
    names, found = read_recording_table(table)
    assert names == ["who"]
    assert [row.path for row in found] == ["a,1.wav", "b.wav"]
    assert [row.split for row in found] == ["train", "val"]


def test_the_table_of_ljspeech_is_read_without_its_text(tmp_path: Path) -> None:
    (tmp_path / "wavs").mkdir()
    (tmp_path / "wavs" / "LJ001-0001.wav").write_bytes(b"")
    table = tmp_path / "metadata.csv"
    table.write_text('LJ001-0001|Printing, in "the|Printing, in the\nLJ001-0002|a|a\n')
    names, found = read_recording_table(table)
    assert names == []
    assert [row.path for row in found] == ["wavs/LJ001-0001.wav", "wavs/LJ001-0002.wav"]


def test_all_files_that_are_missing_are_listed_and_left_out(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.wav", tone(1000))
    table = tmp_path / "labels.csv"
    rows = ("sep=;", "Path; who ;split", "in\\a.wav; x ;train", "b.wav;y;val", "c.wav;x;val")
    table.write_text("\n".join(rows))
    source = locate_recordings(str(table))
    assert list(source.names) == ["in\\a.wav"]
    assert source.splits == ["train"]
    assert source.conditions.categories[0].values == ["x"]
    (finding,) = source.findings
    assert (finding.code, finding.files) == ("missing_file", ["b.wav (line 4)", "c.wav (line 5)"])
