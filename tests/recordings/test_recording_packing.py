import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keiryo.errors import InputError
from keiryo.recordings.audit import audit_recordings
from keiryo.recordings.forming import RecordingForm
from keiryo.recordings.locate import locate_recordings
from keiryo.recordings.pack import CODES_FILE, HEADER_FILE, open_recording_pack
from keiryo.recordings.packing import prepare_recording_pack
from small_recordings import noise, pack_of, tone, write


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `set` of four recordings and its `pack`; not to be changed."""
    root = tmp_path_factory.mktemp("small")
    for number, (digit, speaker) in enumerate((d, s) for d in (3, 4) for s in ("ada", "theo")):
        write(root / "set" / speaker / f"{digit}_{speaker}_0.wav", noise(300 + number, seed=number))
    pack_of(root / "set", root / "pack", condition=r"(?P<digit>\d)_(?P<speaker>[a-z]+)_")
    return root


def times_decoded(folder: Path, out: Path, form: RecordingForm) -> int:
    done: list[int] = []
    prepare_recording_pack(
        locate_recordings(str(folder)),
        folder=out,
        form=form,
        progress=lambda count, total: done.append(count),
    )
    return len(done)


def test_a_pack_is_what_was_made_of_the_recordings(small: Path) -> None:
    pack = open_recording_pack(small / "pack")
    assert isinstance(pack.codes, np.memmap)
    assert (len(pack), pack.rate) == (4, 8000)
    assert [recording.name for recording in pack.header.recordings] == [
        "ada/3_ada_0.wav",
        "ada/4_ada_0.wav",
        "theo/3_theo_0.wav",
        "theo/4_theo_0.wav",
    ]
    assert pack.labels.tolist() == [[0, 0], [1, 0], [0, 1], [1, 1]]
    assert pack.counts.tolist() == [300, 302, 301, 303]
    assert pack.seconds == 1206 / 8000
    assert [len(pack.recording(row)) for row in range(4)] == pack.counts.tolist()
    assert np.array_equal(np.load(small / "pack" / CODES_FILE), pack.codes)


def test_it_is_used_again_until_something_changes(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "set" / f"{number}.wav", noise(500, seed=number))
    plain = RecordingForm()
    out = tmp_path / "pack"
    assert times_decoded(tmp_path / "set", out, plain) == 3
    assert times_decoded(tmp_path / "set", out, plain) == 0
    assert times_decoded(tmp_path / "set", out, RecordingForm(rate=4000)) == 3
    assert times_decoded(tmp_path / "set", out, RecordingForm(normalize=True)) == 3
    write(tmp_path / "set" / "3.wav", noise(500, seed=3))
    assert times_decoded(tmp_path / "set", out, RecordingForm(normalize=True)) == 4
    assert not [*tmp_path.glob(".*")]


def test_any_number_of_workers_makes_the_same_pack(tmp_path: Path) -> None:
    for number in range(9):
        write(tmp_path / "set" / f"{number}.wav", noise(2000 + number, seed=number), rate=16_000)
    for workers in (1, 4):
        pack_of(tmp_path / "set", tmp_path / f"{workers}", rate=11_025, workers=workers)
    for file in (CODES_FILE, HEADER_FILE):
        assert (tmp_path / "1" / file).read_bytes() == (tmp_path / "4" / file).read_bytes()


def test_rates_become_the_one_that_most_have(tmp_path: Path) -> None:
    for number, rate in enumerate((8000, 16_000, 16_000, 44_100)):
        write(tmp_path / "set" / f"{number}.wav", tone(rate, rate=rate), rate=rate)
    pack = pack_of(tmp_path / "set", tmp_path / "pack")
    assert pack.rate == 16_000
    assert pack.counts.tolist() == [16_000] * 4
    (finding,) = [found for found in audit_recordings(pack) if found.code == "resampled"]
    assert "16000 Hz, the rate of most of them: 1 of 8000 Hz, 1 of 44100 Hz" in finding.evidence
    assert finding.files == ["0.wav", "3.wav"]


@given(share=st.floats(0, 1, exclude_max=True), file=st.sampled_from([HEADER_FILE, CODES_FILE]))
@settings(max_examples=40)
def test_no_flipped_byte_is_ever_read_as_data(
    share: float, file: str, small: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    damaged = tmp_path_factory.mktemp("damaged") / "pack"
    shutil.copytree(small / "pack", damaged)
    data = bytearray((damaged / file).read_bytes())
    data[int(share * len(data))] ^= 0x01
    (damaged / file).write_bytes(data)
    with pytest.raises(InputError, match="pack"):
        open_recording_pack(damaged)


@pytest.mark.parametrize("file", [HEADER_FILE, CODES_FILE])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_pack_cut_short_is_refused_and_made_again(
    file: str, kept: float, small: Path, tmp_path: Path
) -> None:
    shutil.copytree(small / "pack", tmp_path / "pack")
    data = (tmp_path / "pack" / file).read_bytes()
    (tmp_path / "pack" / file).write_bytes(data[: int(kept * len(data))])
    for verify in (True, False):
        with pytest.raises(InputError, match="pack"):
            open_recording_pack(tmp_path / "pack", verify=verify)
    pack_of(small / "set", tmp_path / "pack")
    open_recording_pack(tmp_path / "pack")


def test_a_pack_of_another_version_is_refused(small: Path, tmp_path: Path) -> None:
    shutil.copytree(small / "pack", tmp_path / "pack")
    header = json.loads((tmp_path / "pack" / HEADER_FILE).read_text())
    (tmp_path / "pack" / HEADER_FILE).write_text(json.dumps(header | {"format_version": 99}))
    with pytest.raises(InputError, match="version 99"):
        open_recording_pack(tmp_path / "pack")


def test_what_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "set" / "a.wav", tone(2000))
    with pytest.raises(InputError, match="not a pack of recordings"):
        pack_of(tmp_path / "set", tmp_path / "set")
    with pytest.raises(InputError, match="not a pack of recordings"):
        pack_of(tmp_path / "set", tmp_path / "set" / "a.wav")


def test_nothing_is_left_where_no_recording_can_be_used(tmp_path: Path) -> None:
    write(tmp_path / "set" / "a.wav", np.zeros(2000, np.float32))
    (tmp_path / "set" / "b.wav").write_text("no sound")
    with pytest.raises(InputError, match=r"none of its 2 .*a\.wav: silent"):
        pack_of(tmp_path / "set", tmp_path / "pack")
    (tmp_path / "set" / "a.wav").unlink()
    with pytest.raises(InputError, match=r"none of its 1 .*b\.wav: not a sound file"):
        pack_of(tmp_path / "set", tmp_path / "pack")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]


@pytest.mark.parametrize(
    ("form", "option"),
    [
        (RecordingForm(rate=10), "--rate 10"),
        (RecordingForm(trim_db=-3), "--trim-db"),
        (RecordingForm(trim_db=float("nan")), "--trim-db"),
    ],
)
def test_an_impossible_form_is_refused(form: RecordingForm, option: str, small: Path) -> None:
    with pytest.raises(InputError, match=option):
        times_decoded(small / "set", small / "other", form)


def test_what_was_interrupted_begins_anew(small: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    source = locate_recordings(str(small / "set"))
    with pytest.raises(KeyboardInterrupt):
        prepare_recording_pack(source, folder=tmp_path / "pack", workers=2, progress=interrupt)
    assert not [*tmp_path.iterdir()]
    # One that was killed leaves what it had made.
    (tmp_path / ".pack.unfinished").mkdir()
    (tmp_path / ".pack.unfinished" / CODES_FILE).write_bytes(b"half")
    assert len(prepare_recording_pack(source, folder=tmp_path / "pack")) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["pack"]
