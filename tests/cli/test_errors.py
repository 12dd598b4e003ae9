"""`keiryo errors`: the confusions and the worst errors of a trained network."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from conftest import Finished
from keiryo.cli.tables.confusions import print_errors
from keiryo.comparison.trial.analysis import analyze
from keiryo.records.analysis import Analysis
from keiryo.records.comparison import Trial

Keiryo = Callable[..., Finished]
WRITTEN_BEFORE = Path(__file__).parents[1] / "written_before" / "finished"
TRIAL = "trials/densenet-layers=1-1-growth=4-seed0"


def analysis_of(classes: int, *, images: int = 400, name: str = "class {}") -> Analysis:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, size=images)
    probabilities = generator.dirichlet(np.ones(classes), size=images)
    probabilities[np.arange(images), labels] += 0.8 / classes
    names = [name.format(number) for number in range(classes)]
    return analyze(
        probabilities / probabilities.sum(1, keepdims=True),
        labels,
        names,
        [f"{names[label]}/{row:04d}.jpg" for row, label in enumerate(labels)],
    )


@pytest.fixture
def shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Analysis], str]:
    """Print an analysis on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")

    def show(analysis: Analysis) -> str:
        trial = Trial(model="net", seed=0, status="done", folder="trials/net")
        print_errors(trial, analysis)
        return capsys.readouterr().out

    return show


def test_few_classes_have_a_matrix(shown: Callable[[Analysis], str]) -> None:
    analysis = analysis_of(4)
    text = shown(analysis)
    assert f"{analysis.errors} of 400 held-out images classified incorrectly" in text
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    for number, row in enumerate(analysis.confusion_matrix):
        cells = [str(images) for images in row]
        assert [f"{number + 1}", "class", f"{number}", *cells] in [line.split() for line in lines]
    worst = analysis.confident_errors[0]
    assert f"{worst.file}: {worst.predicted}" in text
    assert "calibration error" in text


@pytest.mark.parametrize(
    ("classes", "name"), [(15, "a rather long name of class {}"), (200, "c{}")]
)
def test_many_classes_have_a_list_of_confusions(
    shown: Callable[[Analysis], str], classes: int, name: str
) -> None:
    text = shown(analysis_of(classes, images=3000, name=name))
    assert "named instead" in text
    assert max(map(len, text.splitlines())) <= 80
    assert len(text.splitlines()) < 80


def test_names_do_not_steer_the_terminal(shown: Callable[[Analysis], str]) -> None:
    text = shown(analysis_of(2, name="[red]{}\x1b[2J\n 花"))
    assert "\x1b[2J" not in text
    assert "[red]1\\x1b[2J\\n" in text


def test_a_network_without_errors(shown: Callable[[Analysis], str]) -> None:
    labels = np.arange(50) % 2
    text = shown(analyze(np.eye(2)[labels], labels, ["a", "b"], [""] * 50))
    assert "0 of 50 held-out images classified incorrectly" in text
    assert "confident errors" not in text


def test_a_trial_of_an_earlier_version_is_analysed_anew(keiryo: Keiryo, tmp_path: Path) -> None:
    out = Path(shutil.copytree(WRITTEN_BEFORE, tmp_path / "out"))
    document = json.loads(keiryo("errors", out / TRIAL, "--json").out)
    record = json.loads((out / TRIAL / "trial.json").read_text())
    assert document["errors"] == round((1 - record["val_accuracy"]) * document["images"])
    assert np.sum(document["confusion_matrix"]) == document["images"]
    # A comparison's folder stands for the trial that it recommends.
    assert json.loads(keiryo("errors", out, "--json").out) == document


def test_what_is_no_finished_trial_is_named(keiryo: Keiryo, tmp_path: Path) -> None:
    out = Path(shutil.copytree(WRITTEN_BEFORE, tmp_path / "out"))
    record = out / TRIAL / "trial.json"
    good = record.read_text()
    (out / TRIAL / "held-out.npz").write_bytes(b"PK damaged")
    for text, words in (
        (good, "held-out answers are gone"),
        (good.replace('"done"', '"failed"'), "training is not done (failed)"),
        ("{", "trial.json: damaged"),
    ):
        record.write_text(text)
        refused = keiryo("errors", out / TRIAL)
        assert (refused.status, words in refused.err) == (2, True)
    assert "holds no trial" in keiryo("errors", tmp_path).err
    (tmp_path / "results.json").write_text("[]")
    assert "not a comparison's" in keiryo("errors", tmp_path).err
    (tmp_path / "results.json").write_text("{}")
    assert "recommends no model" in keiryo("errors", tmp_path).err
