"""Whatever is wrong: one or two plain lines that name it, exit status 2, nothing lost."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Finished
from keiryo.models.spec import FACTORIES

MODEL = "mobilenet_v2:width=0.35"


@pytest.fixture
def places(tmp_path: Path, flower_folder: Path) -> dict[str, Path]:
    (tmp_path / "empty").mkdir()
    (tmp_path / "one" / "daisy").mkdir(parents=True)
    (tmp_path / "one" / "daisy" / "a.jpg").write_bytes(
        (flower_folder / "daisy" / "000.jpg").read_bytes()
    )
    (tmp_path / "list.csv").write_text("path,label\nabsent.jpg,rose\n")
    (tmp_path / "file").write_text("a file")
    for label in ("a", "b"):
        (tmp_path / "broken" / label).mkdir(parents=True)
        (tmp_path / "broken" / label / "x.jpg").write_text("text")
    return {"here": tmp_path, "flowers": flower_folder}


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["compare", "{here}/absent"], "absent: no such folder"),
        (["compare", "{here}/empty"], "empty: no images"),
        (["compare", "{here}/one"], "only one class"),
        (["compare", "{here}/broken", "--epochs", "1"], "none of its 2 files can be read"),
        (["compare", "{here}/list.csv"], "absent.jpg; paths are relative to the folder"),
        (["compare", "{here}/file"], "not a set of images"),
        (["compare", "{flowers}", "--models", "mobilnet_v2"], "did you mean mobilenet_v2"),
        (["compare", "{flowers}", "--fit", "circle"], "--fit"),
        (["compare", "{flowers}", "--folds", "6"], "--folds"),
        (["compare", "nosuch://bucket/pack"], "nosuch://bucket/pack"),
        (["data", "check", "{here}/absent"], "absent: no such folder"),
        (["data", "check", "{here}/absent.tar"], "absent.tar: no such file"),
        (["data", "pack", "{here}/broken", "--out", "{here}/pack"], "none of its 2 files"),
        (["data", "pack", "{flowers}", "--out", "{here}/file"], "file: exists and is not a pack"),
        (["data", "pack", "{flowers}", "--out", "{here}/p", "--size", "4"], "--size 4: "),
        (["data", "pack", "{flowers}", "--out", "{here}/p", "--size", "5000"], "--size 5000: "),
        (["wavenet", "bench", "--kernel", "1"], "--kernel 1: "),
        (["compare", "{flowers}", "--models", ""], "--models"),
        (["compare", "{flowers}", "--epochs", "0"], "--epochs"),
        (["compare", "{flowers}", "--epochs", "two"], "--epochs"),
        (["compare", "{flowers}", "--epochs", "1", "--minutes", "1"], "one of the two"),
        (["compare", "{flowers}", "--size", "4"], "--size"),
        (
            ["compare", "{flowers}", "--size", "16", "--models", "vgg16"],
            "vgg16 at --size 16: cannot be run on 3x16x16; it takes 3x224x224",
        ),
        (["compare", "{flowers}", "--recipe", "best"], "--recipe"),
        (["compare", "{flowers}", "--models", "resnet18", "--stop-early"], "--stop-early: drops"),
        (["train", "resnet18", "{flowers}", "--stop-early"], "--stop-early"),
        (["compare", "{flowers}", "--device", "abacus"], "--device"),
        (["compare", "{flowers}", "--device", "cuda"], "--device cuda"),
        (["compare", "{flowers}", "--no-such-option"], "--no-such-option"),
        (["compare", "{flowers}", "--out", "{here}/file"], "file"),
        (["compare", "{flowers}", "--out", "{here}/file/below"], "file"),
        (["compare", "{flowers}", "--out", "/proc/out"], "/proc"),
        (["compare", "--resume", "--out", "{here}/empty"], "no comparison"),
        (["train", "resnet18"], "Missing argument"),
        (["predict", "{here}/empty", "{here}/file"], "model"),
        (["predict", "{here}/file", "{here}/file"], "file"),
        (["data", "pack", "{flowers}", "--out", "{here}/empty"], "not a pack"),
        (["report", "{here}/empty"], "results.json"),
        (["weigh", "mobilenet_v1", "--lang", "ja"], "add --html"),
        (["data", "check", "{here}", "--lang", "ja"], "add --html"),
        (["doctor", "--device", "abacus"], "--device"),
        (["fly"], "fly"),
    ],
)
def test_wrong_input(
    arguments: list[str], hint: str, places: dict[str, Path], keiryo: Callable[..., Finished]
) -> None:
    given = [argument.format(**places) for argument in arguments]
    if given[0] == "compare" and "--out" not in given:
        given += ["--out", str(places["here"] / "out")]
    before = sorted(places["here"].rglob("*"))
    finished = keiryo(*given)
    assert finished.status == 2
    assert hint in finished.err
    assert finished.out == ""
    assert "Traceback" not in finished.err
    lines = [line for line in finished.err.splitlines() if line.startswith("keiryo: ")]
    assert len(lines) == 1
    # Only images that turn out unreadable are found out after the folder is claimed.
    if "{here}/broken" not in arguments:
        assert sorted(places["here"].rglob("*")) == before


def test_help_is_there_without_torch() -> None:
    code = (
        "import sys; sys.argv = ['keiryo', '--help']\n"
        "from keiryo.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'torch', 'numpy', 'cv2', 'matplotlib', 'sklearn', 'pydantic'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert "compare" in finished.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_behind_standard_output_is_called_so() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "keiryo", "models"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 2
    assert ended.stderr == "keiryo: standard output: no space left on its disk\n"


def test_importing_keiryo_is_light() -> None:
    code = (
        "import sys, keiryo\n"
        "assert 'torch' not in sys.modules\n"
        "assert callable(keiryo.compare) and callable(keiryo.load) and callable(keiryo.build)\n"
        "assert 'torch' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_models_lists_every_family(keiryo: Callable[..., Finished]) -> None:
    finished = keiryo("models")
    assert finished.status == 0
    assert max(map(len, finished.out.splitlines())) <= 80
    rows, note, published = finished.out.split("\n\n")
    rows = re.sub(r"\n +", " ", rows)  # a long row continues on the next line
    assert [row.split()[0] for row in rows.splitlines()] == list(FACTORIES)
    assert "FILE.py:FACTORY" in note
    document = json.loads(keiryo("models", "--json").out)
    assert [model["model"] for model in document] == list(FACTORIES)
    for row, model in zip(rows.splitlines(), document, strict=True):
        assert row.split()[1:] == [f"{key}={value}" for key, value in model["options"].items()]
    options = {model["model"]: model["options"] for model in document}
    assert options["mobilenet_v2"] == {"width": "1.0", "norm": "batch|layer|instance|group|none"}
    assert options["densenet"]["stem"] == "1"
    # Each network with published weights once, in both forms.
    named = published.partition(":\n")[2].replace("\n", " ").strip().split(", ")
    assert named == [name for model in document for name in model["imagenet"]]
    assert "mobilenet_v2:width=0.5" in named
    assert options["vgg16"] == {"norm": "none|batch|layer|instance|group"}
