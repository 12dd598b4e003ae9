"""Making packs: side by side, gone on with, and never half there."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import write_images
from keiryo.data.locate import locate
from keiryo.data.packs.pack import HEADER_FILE, IMAGES_FILE, open_pack
from keiryo.data.packs.packing import prepare_pack
from keiryo.data.survey.reading import WriteTarget
from keiryo.data.survey.reading_pool import FEWEST_FOR_PROCESSES, divide_into_parts, read_parts
from keiryo.data.survey.survey import survey
from keiryo.errors import InputError


def made(data: str | Path, folder: Path, **options: object) -> bytes:
    """Pack `data` and return the bytes of its images."""
    given = {"size": 16, "fit": "crop", "workers": 2} | options
    prepare_pack(locate(str(data)), folder=folder, **given)
    return (folder / IMAGES_FILE).read_bytes()


def many(folder: Path) -> Path:
    """Write a set of so many images that processes read it."""
    write_images(folder, classes=2, each=5)
    for copy in range(FEWEST_FOR_PROCESSES):
        (folder / "daisy" / f"again{copy}.jpg").symlink_to(f"{copy % 5:03d}.jpg")
    return folder


def test_processes_and_one_worker_give_the_same_bytes(tmp_path: Path) -> None:
    folder = many(tmp_path / "set")
    by_processes = made(folder, tmp_path / "two", size=8)
    alone = made(folder, tmp_path / "one", size=8, workers=1)
    assert by_processes == alone
    headers = [(tmp_path / name / HEADER_FILE).read_bytes() for name in ("two", "one")]
    assert headers[0] == headers[1]


KILLED = """
import sys, os
from pathlib import Path
from keiryo.data.locate import locate
from keiryo.data.packs.packing import prepare_pack

def after(done, total):
    if done >= {after}:
        os.kill(os.getpid(), {signal})

try:
    prepare_pack(
        locate({data!r}), size=16, fit="crop", folder=Path({folder!r}), workers=2,
        progress=after,
    )
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_one_that_was_stopped_is_gone_on_with_to_the_same_bytes(how: int, tmp_path: Path) -> None:
    data = many(tmp_path / "set")
    folder = tmp_path / "pack"
    code = KILLED.format(data=str(data), after=128, signal=int(how), folder=str(folder))
    subprocess.run([sys.executable, "-c", code], check=False)
    assert not folder.exists()
    (left,) = tmp_path.glob(".pack.unfinished")
    # A part that was written but has been damaged since is made again as well.
    images = bytearray((left / IMAGES_FILE).read_bytes())
    images[2000] ^= 0xFF
    (left / IMAGES_FILE).write_bytes(images)
    first_told: list[int] = []
    prepare_pack(
        locate(str(data)),
        size=16,
        fit="crop",
        folder=folder,
        workers=2,
        progress=lambda done, total: first_told.append(done),
    )
    assert first_told[0] >= 128
    assert (folder / IMAGES_FILE).read_bytes() == made(data, tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pack", "set", "whole"]


def test_two_do_not_make_the_same_pack(tmp_path: Path) -> None:
    source = locate("petals:count=20")

    def meanwhile(done: int, total: int) -> None:
        with pytest.raises(InputError, match="another keiryo"):
            prepare_pack(source, size=16, fit="crop", folder=tmp_path / "pack", workers=1)

    prepare_pack(
        source, size=16, fit="crop", folder=tmp_path / "pack", workers=1, progress=meanwhile
    )
    assert [path.name for path in tmp_path.iterdir()] == ["pack"]


def test_what_is_left_of_another_pack_is_not_gone_on_with(tmp_path: Path) -> None:
    data, folder = many(tmp_path / "set"), tmp_path / "pack"
    code = KILLED.format(data=str(data), after=128, signal=int(signal.SIGKILL), folder=str(folder))
    subprocess.run([sys.executable, "-c", code], check=False)
    assert (tmp_path / ".pack.unfinished").exists()
    other = made("petals:count=100", folder)
    assert other == made("petals:count=100", tmp_path / "whole")


def test_gaps_of_unreadable_images_are_closed(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "set", classes=2, each=30)
    clean = made(folder, tmp_path / "clean")
    for number in (0, 7, 8, 29):
        (folder / "daisy" / f"{number:03d}a.jpg").write_bytes(b"no image")
        (folder / "dandelion" / f"{number:03d}a.jpg").write_bytes(b"")
    assert made(folder, tmp_path / "gaps") == clean
    pack = open_pack(tmp_path / "gaps")
    assert len(pack.survey.left_out) == 8
    np.testing.assert_array_equal(np.load(tmp_path / "gaps" / IMAGES_FILE), pack.images)


def test_nothing_readable_leaves_nothing(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / "set" / label).mkdir(parents=True)
        (tmp_path / "set" / label / "1.jpg").write_bytes(b"no image")
    with pytest.raises(InputError, match="none of its 2 files"):
        made(tmp_path / "set", tmp_path / "pack")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None, reason="mounts a small disk"
)
def test_a_full_disk_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk]).returncode:
        pytest.skip("may not mount")
    try:
        with pytest.raises(OSError, match="No space left"):
            made("petals:count=100", disk / "pack", size=64)
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_survey_writes_nothing_and_knows_what_a_pack_knows(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "set", classes=2, each=10)
    surveyed = survey(locate(str(folder)), workers=2)
    made(folder, tmp_path / "pack", size=128)
    packed = open_pack(tmp_path / "pack").survey
    assert [image.facts for image in surveyed.images] == [image.facts for image in packed.images]
    assert surveyed.near_copies == packed.near_copies


def test_the_same_pixels_are_known_in_any_format_and_at_any_scale(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "set", classes=2, each=3, size=300)
    large = np.kron(np.asarray(Image.open(folder / "daisy" / "000.jpg")), np.ones((3, 3, 1)))
    Image.fromarray(large.astype(np.uint8)).save(folder / "daisy" / "large.jpg", quality=90)
    # Decoded at a third of its size, but its copy, being no JPEG, is not.
    as_decoded = Image.fromarray(np.asarray(locate(str(folder)).read_whole(3)))
    as_decoded.save(folder / "dandelion" / "copy.png")
    (folder / "dandelion" / "renamed.jpg").write_bytes(
        (folder / "daisy" / "large.jpg").read_bytes()
    )
    surveyed = survey(locate(str(folder)), workers=1)
    facts = {image.name: image.facts for image in surveyed.images}
    assert facts["daisy/large.jpg"].scale == 2
    assert facts["dandelion/copy.png"].scale == 1
    names = ("daisy/large.jpg", "dandelion/copy.png", "dandelion/renamed.jpg")
    assert len({facts[name].digest for name in names}) == 1
    assert len({fact.digest for fact in facts.values()}) == 7


def test_a_header_is_one_json_document(tmp_path: Path) -> None:
    made("petals:count=10", tmp_path / "pack")
    header = json.loads((tmp_path / "pack" / HEADER_FILE).read_text())
    assert (header["size"], header["fit"], len(header["survey"]["images"])) == (16, "crop", 10)


UNGUARDED = """
import os, signal, sys
from pathlib import Path
import psutil
from keiryo.data.locate import locate
from keiryo.data.packs.packing import prepare_pack

print("once")

def after(done, total):
    for process in psutil.Process().children():
        {do}

prepare_pack(
    locate({data!r}), size=8, fit="crop", folder=Path({folder!r}), workers=2, progress=after
)
"""


def run_unguarded(tmp_path: Path, do: str) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "script.py"
    data, folder = str(many(tmp_path / "set")), str(tmp_path / "pack")
    script.write_text(UNGUARDED.format(do=do, data=data, folder=folder))
    return subprocess.run([sys.executable, script], check=False, capture_output=True, text=True)


def test_processes_do_not_run_the_users_script_again(tmp_path: Path) -> None:
    finished = run_unguarded(tmp_path, "pass")
    assert (finished.stdout, finished.stderr, finished.returncode) == ("once\n", "", 0)


def test_a_process_that_is_killed_is_told_and_its_pack_gone_on_with(tmp_path: Path) -> None:
    finished = run_unguarded(tmp_path, "process.kill()")
    assert "ReadingProcessError" in finished.stderr
    assert not (tmp_path / "pack").exists()
    assert made(tmp_path / "set", tmp_path / "pack", size=8) == made(
        tmp_path / "set", tmp_path / "whole", size=8, workers=1
    )


def test_an_interrupt_ends_all_processes_without_a_word_of_theirs(tmp_path: Path) -> None:
    # As on a terminal, where it reaches every process.
    finished = run_unguarded(
        tmp_path,
        "process.send_signal(signal.SIGINT)\n    os.kill(os.getpid(), signal.SIGINT)",
    )
    assert finished.stderr.count("Traceback") == 1
    assert finished.stderr.rstrip().endswith("KeyboardInterrupt")


def test_what_goes_wrong_in_a_process_is_raised_here(tmp_path: Path) -> None:
    source = locate(str(many(tmp_path / "set")))
    parts = divide_into_parts(len(source.items))
    nowhere = WriteTarget(tmp_path / "absent", 0, 8, "crop")
    with pytest.raises(FileNotFoundError, match="absent"):
        list(read_parts(source, parts, workers=2, target=nowhere))
