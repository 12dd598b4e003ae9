"""The help of every command, and options that are declared once, in the fields of a plan."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from conftest import Finished
from keiryo.audio.options import WaveNetOptions
from keiryo.cli.main import COMMANDS
from keiryo.cli.parameters.completion import MODEL_NAMES, complete_models
from keiryo.comparison.options import ComparisonOptions
from keiryo.models.spec import FACTORIES
from keiryo.plan_option import flag_of
from keiryo.records.base import Record

ROOT = Path(__file__).parents[2]
Keiryo = Callable[..., Finished]


def flags_of(record: type[Record], *, without: Collection[str] = ()) -> set[str]:
    return {flag_of(record, name) for name in record.model_fields if name not in without}


def words_of(text: str) -> set[str]:
    return set(text.replace(",", " ").split())


def test_the_help_names_every_command(keiryo: Keiryo) -> None:
    shown = keiryo("--help")
    assert shown.status == 0
    assert set(COMMANDS) <= words_of(shown.out)


@pytest.mark.parametrize("name", [*COMMANDS, "wavenet train", "wavenet bench", "data pack"])
def test_every_command_has_a_help(keiryo: Keiryo, name: str) -> None:
    shown = keiryo(*name.split(), "--help")
    assert shown.status == 0
    # Under `python -m pytest` the program has a longer name.
    assert re.match(rf"Usage: .*\bkeiryo {name} ", shown.out)


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        ("compare", flags_of(ComparisonOptions)),
        ("train", flags_of(ComparisonOptions, without={"stop_early"})),
        ("wavenet train", flags_of(WaveNetOptions)),
    ],
)
def test_every_field_of_a_plan_is_an_option(keiryo: Keiryo, command: str, flags: set[str]) -> None:
    assert flags <= words_of(keiryo(*command.split(), "--help").out)


@pytest.mark.parametrize("name", ["", "data", "wavenet"])
def test_groups_have_no_options_of_their_own(keiryo: Keiryo, name: str) -> None:
    options = {word for word in words_of(keiryo(*name.split(), "--help").out) if word[:2] == "--"}
    completion = set() if name else {"--install-completion", "--show-completion"}
    assert options <= {"--help", "--version", *completion}


def test_the_help_has_sections_and_breaks_no_name(keiryo: Keiryo) -> None:
    lines = keiryo("compare", "--help").out.splitlines()
    sections = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert sections[:3] == ["Arguments:", "What to compare:", "Length, images and batches:"]
    assert sections[-1] == "Other options:"
    assert not [line for line in lines if "int range" in line or "[default: (" in line]
    assert "mobilenet_v2:width=0.5, mobilenet_v1:width=0.5, mobilenet_v3_small," in " ".join(
        "\n".join(lines).split()
    )
    assert max(map(len, lines)) <= 80
    # The options of a short command stand together.
    assert "Options:" in keiryo("models", "--help").out.splitlines()


def test_completion_knows_the_models_without_loading_them() -> None:
    assert tuple(FACTORIES) == MODEL_NAMES
    assert complete_models("vgg16,densenet1") == ["vgg16,densenet121", "vgg16,densenet169"]
    code = """
import os, sys
from keiryo.cli.main import main
sys.argv = ["keiryo"]
os.environ |= {
    "_KEIRYO_COMPLETE": "complete_bash", "COMP_WORDS": "keiryo train mob", "COMP_CWORD": "2"
}
try:
    main()
except SystemExit:
    print({"numpy", "torch"} & set(sys.modules), file=sys.stderr)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == [name for name in FACTORIES if name.startswith("mob")]
    assert ended.stderr == "set()\n"


def test_completion_can_be_shown(keiryo: Keiryo, monkeypatch: pytest.MonkeyPatch) -> None:
    # Typer finds out the shell that runs it, which may be one without completion here.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    shown = keiryo("--show-completion", "bash")
    assert shown.status == 0
    assert "complete -o default" in shown.out


def test_the_help_loads_no_plan() -> None:
    code = """
import sys
from keiryo.cli.main import main
sys.argv = ["keiryo", "--help"]
try:
    main()
except SystemExit:
    print({"pydantic", "numpy", "torch"} & set(sys.modules), file=sys.stderr)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr == "set()\n"


def test_type_checkers_know_the_options_of_today() -> None:
    path = ROOT / "scripts" / "write_typed_options.py"
    spec = importlib.util.spec_from_file_location("write_typed_options", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for file in script.WRITTEN:
        written = (ROOT / "src" / "keiryo" / file).read_text(encoding="utf-8")
        assert written == script.text_of(file), f"{file} is out of date: run `make options`"
