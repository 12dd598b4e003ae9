"""`--config`: the options of a comparison from a file, under those of the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from conftest import Finished
from keiryo.cli.compare import OPTIONS
from keiryo.cli.parameters.configuration import read_configuration
from keiryo.cli.parameters.lazy import lazy_group, takes_fields
from keiryo.cli.wavenet.commands import OPTIONS as WAVENET_OPTIONS
from keiryo.comparison.plan import make_plan

Keiryo = Callable[..., Finished]
NAMES = {"data", "models", "epochs", "minutes", "max_params", "robust", "pretrained", "out"}
FILE = """
data = "petals:count=60"
models = ["vgg16", "densenet:layers=2-2,growth=4"]
epochs = 7
max-params = 1000
robust = true
out = "there"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(FILE)
    return path


# What the command below was given, most recent last.
ASKED: list[dict[str, Any]] = []


@takes_fields(OPTIONS, before="out", config=True)
def ask(
    data: Annotated[str | None, typer.Argument()] = None,
    models: str | None = None,
    out: Path = Path("comparison"),
    **given: Any,
) -> None:
    """Take the options of a comparison."""
    ASKED.append({"data": data, "models": models, "out": out, **given})


def tell(*arguments: object, command: str = "ask") -> dict[str, Any]:
    """Return what the command is given by these arguments."""
    app = typer.Typer(cls=lazy_group({command: f"{__name__}:{command}"}))
    app.callback()(lambda: None)
    app([command, *map(str, arguments)], standalone_mode=False)
    return ASKED[-1]


@takes_fields(WAVENET_OPTIONS, before="out", config=True)
def ask_wavenet(out: Path = Path("wavenet"), **given: Any) -> None:
    """Take the options of a WaveNet's training."""
    ASKED.append({"out": out, **given})


def test_a_switch_is_read_by_its_own_name_and_by_that_of_its_field(tmp_path: Path) -> None:
    for line in ("no-dilation = true", "is_dilated = false"):
        (tmp_path / "mine.toml").write_text(f"{line}\nlayers = 3\n")
        found = tell("--config", tmp_path / "mine.toml", command="ask_wavenet")
        assert found == {"out": Path("wavenet"), "is_dilated": False, "layers": 3}


def test_every_option_is_read(file: Path) -> None:
    assert read_configuration(file, NAMES) == {
        "data": "petals:count=60",
        "models": "vgg16,densenet:layers=2-2,growth=4",
        "epochs": 7,
        "max_params": 1000,
        "robust": True,
        "out": "there",
    }


def test_the_command_line_takes_precedence(file: Path) -> None:
    from_file = tell("--config", file)
    assert from_file == {
        "data": "petals:count=60",
        "models": "vgg16,densenet:layers=2-2,growth=4",
        "out": Path("there"),
        "epochs": 7,
        "max_params": 1000,
        "robust": True,
    }
    over_it = tell("digits", "--config", file, "--epochs", 3, "--out", "here")
    assert over_it == {**from_file, "data": "digits", "epochs": 3, "out": Path("here")}
    # What excludes an option of the file replaces it.
    by_minutes = tell("--config", file, "--minutes", 2)
    assert "epochs" not in by_minutes
    assert by_minutes["minutes"] == 2.0


@pytest.mark.parametrize("budget", ["minutes", "total_minutes"])
def test_the_plan_of_a_run_can_be_given_back(tmp_path: Path, budget: str) -> None:
    plan = make_plan({"data": "petals:count=60", "models": ["vgg16"], budget: 2, "robust": True})
    path = tmp_path / "plan.json"
    path.write_text(plan.model_dump_json())
    given = tell("--config", path)
    del given["out"]
    given["models"] = given["models"].split(",")
    # The options that keiryo chose are given now.
    assert plan.chosen == ["size", "batch"]
    assert make_plan(given) == plan.model_copy(update={"chosen": []})


def test_train_takes_the_only_model_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("models = ['vgg16']")
    assert read_configuration(path, {"model", "data"}) == {"model": "vgg16"}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("epoks = 3", "there is no option 'epoks'; did you mean epochs"),
        ("epochs =", "neither TOML nor a plan"),
        ("epochs = 'many'", "--epochs many: "),
        ("epochs = 0", "--epochs 0: "),
        ("data = 2026-01-01", "data: give a text"),
        ("[training]\nepochs = 3", "there is no option 'training'"),
        ("{", "neither TOML nor a plan"),
    ],
)
def test_a_file_that_cannot_be_taken_is_named(
    keiryo: Keiryo, tmp_path: Path, text: str, hint: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    finished = keiryo("compare", "--config", path)
    assert finished.status == 2
    assert finished.out == ""
    assert finished.err.count("\n") == 1
    assert str(path) in finished.err
    assert hint in finished.err


def test_a_file_that_is_not_there(keiryo: Keiryo, tmp_path: Path) -> None:
    finished = keiryo("compare", "--config", tmp_path / "absent.toml")
    assert finished.status == 2
    assert "absent.toml: no such file" in finished.err


@pytest.mark.parametrize(("model", "data"), [("petals", "resnet18"), ("pics", "mine.py:net")])
def test_arguments_in_the_wrong_order_are_recognised(keiryo: Keiryo, model: str, data: str) -> None:
    finished = keiryo("train", model, data)
    assert finished.status == 2
    assert (
        finished.err == f"keiryo: {model}: is no model; did you mean: keiryo train {data} {model}\n"
    )
