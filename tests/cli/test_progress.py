"""The lines and the bar of a comparison: a terminal is told at least as much as a file."""

import io
import re
import time
from pathlib import Path

import pytest
from rich.console import Console

import keiryo
from comparisons import MACHINE
from keiryo.cli import progress
from keiryo.cli.live import terminal
from keiryo.cli.live.terminal import Terminal, open_progress, watch_silence
from keiryo.cli.live.time_left import TimeLeft
from keiryo.cli.progress import ComparisonListener, plan_lines
from keiryo.cli.tables.comparison import print_table
from keiryo.comparison.plan import Plan, make_plan
from keiryo.comparison.trial.process import TrialReport
from keiryo.records.base import Finding
from keiryo.records.comparison import NO_BETTER_THAN_BASELINE, Comparison, Limits, Trial
from keiryo.records.costs import Cost
from keiryo.records.data import DataSummary
from keiryo.records.speed import Latency
from keiryo.records.training import Epoch
from keiryo.report.page import render_page

MODELS = ["mobilenet_v2:width=0.25", "resnet18"]
COSTS: dict[str, Cost | None] = {
    model: Cost(parameters=1000 * number, state_elements=1, macs=number * 10**6, size_bytes=4)
    for number, model in enumerate(MODELS, 1)
}
EPOCH = Epoch(
    epoch=1,
    train_loss=1.25,
    val_loss=1.0,
    train_accuracy=0.5,
    val_accuracy=0.75,
    learning_rate=0.1,
    seconds=2.0,
)
ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def plan_of(**options: object) -> Plan:
    return make_plan({"data": "petals:count=60", "models": MODELS, "threads": 1, **options})


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_terminal_shows_epochs_and_losses_as_a_file_does(is_terminal: bool) -> None:
    text = io.StringIO()
    with open_progress(Console(file=text, force_terminal=is_terminal, width=80)) as bars:
        listener = ComparisonListener(bars)
        plan = plan_of(epochs=2)
        listener.planned(plan, COSTS, 60)
        listener.trial_started(plan.trials()[0], 0, 2)
        listener.trial_reported(plan.trials()[0], TrialReport(epoch=EPOCH))
        listener.trial_reported(plan.trials()[0], TrialReport(epoch=EPOCH))  # told again
        listener.stopping()
    shown = text.getvalue()
    line = "  epoch 1: loss 1.250, accuracy 50.0 % training, 75.0 % held out, 2.0 s"
    assert shown.count(line) == 1
    assert "Plan: 2 networks, 2 epochs" in shown
    assert "Stopping: " in shown


def test_no_message_is_broken_within_a_word_in_80_columns() -> None:
    text = io.StringIO()
    with open_progress(Console(file=text, force_terminal=True, width=80)) as bars:
        ComparisonListener(bars).say("mobilenet_v2:width=0.25 " * 7)
    lines = ANSI.sub("", text.getvalue()).splitlines()
    assert len(lines) > 2
    assert {word for line in lines for word in line.split()} == {"mobilenet_v2:width=0.25"}


def test_the_plan_says_what_is_going_to_be_done() -> None:
    lines = plan_lines(plan_of(epochs=2, seeds=3, size=64, batch=16), COSTS, 1234)
    assert lines[0].startswith(
        "Plan: 2 networks, 6 trainings, 2 epochs; 1,234 images at 64 px, batch 16, seeds 0 to 2"
    )
    assert lines[0].endswith("1 thread")
    assert "1.00 k parameters, 1.00 M MACs an image" in lines[1]
    timed = plan_lines(plan_of(minutes=5, folds=2), COSTS, 60)
    assert "20 min 0 s of training in all" in timed[-1]
    shared = plan_lines(plan_of(total_minutes=20, folds=2), COSTS, 60)
    assert "5 min each" in shared[0]
    assert "20 min in all" in shared[-1]
    own = plan_of(models=["mine.py:net"])
    told = plan_lines(own, {own.models[0]: None}, 60)
    assert any("predictions will need" in line and "mine.py" in line for line in told)


def test_the_time_left_of_all_trials() -> None:
    plan = plan_of(minutes=2, seeds=2)
    left = TimeLeft(plan, COSTS)
    assert left.estimate(5.0) is None  # none runs yet
    left.begin(plan.trials()[0])
    assert left.estimate(5.0) == pytest.approx(5 + 3 * 120)
    left.drop(plan.trials()[1])
    assert left.estimate(5.0) == pytest.approx(5 + 2 * 120)


def test_with_epochs_networks_take_in_proportion_to_their_work() -> None:
    plan = plan_of(epochs=2, seeds=2)
    left = TimeLeft(plan, COSTS)
    left.begin(plan.trials()[0])
    # Its whole takes 100 s, so the other, of twice the work, takes 200 s; both come once more.
    assert left.estimate(100.0) == pytest.approx(100 + 200 + 100 + 200, rel=0.01)
    left.begin(plan.trials()[1])
    assert left.estimate(50.0) == pytest.approx(50 + 100 + 50, rel=0.01)
    assert TimeLeft(plan_of(epochs=2, stop_early=True), COSTS).estimate(1.0) is None


def test_a_long_silence_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "SILENCES_SECONDS", (0.0, 60.0))
    text = io.StringIO()
    with open_progress(Console(file=text, width=80)) as bars:
        listener = ComparisonListener(bars)
        with watch_silence(listener):
            listener.show_bar("decoding", 0.25, "1 of 4 images")
            end = time.monotonic() + 30
            while not text.getvalue() and time.monotonic() < end:
                time.sleep(0.05)
    assert text.getvalue() == "  decoding 25% · 1 of 4 images ...\n"


def test_what_was_begun_is_said_again_in_a_long_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "SILENCES_SECONDS", (0.0, 60.0))
    text = io.StringIO()
    with open_progress(Console(file=text, width=80)) as bars:
        shown = Terminal(bars)
        shown.tell("Measuring resnet18, batch 1 ...")
        shown.break_silence()
        shown.break_silence()
    assert text.getvalue() == "Measuring resnet18, batch 1 ...\n  Measuring resnet18, batch 1 ...\n"


def test_a_few_steps_show_how_long_a_training_and_all_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS_BEFORE_ESTIMATE", 0.0)
    text = io.StringIO()
    with open_progress(Console(file=text, width=80)) as bars:
        listener = ComparisonListener(bars)
        plan = plan_of(epochs=2)
        listener.planned(plan, COSTS, 60)
        for number, trial in enumerate(plan.trials()):
            listener.trial_started(trial, number, 2)
            for _ in range(2):
                listener.trial_reported(trial, TrialReport(share=0.1, seconds_left=1000.0))
    told = [line for line in text.getvalue().splitlines() if "about" in line]
    assert told == [
        "  this training takes about 16 min 40 s more, and all some 50 min 0 s",
        "  this training takes about 16 min 40 s more",
    ]


def compared(*findings: Finding) -> Comparison:
    trials = [
        Trial(
            model=model,
            seed=0,
            status="done",
            folder=f"trials/{model}",
            val_accuracy=0.5,
            train_accuracy=0.6,
            artifact_bytes=2_870_000,
            parameters=694_000,
            macs=7_830_000,
            train_seconds=101.0,
            latency_ms=Latency(p50=15.4, p95=16.0, batch=1, threads=2, runs=9, device="cpu"),
        )
        for model in (*MODELS, "<b>own</b>.py:net")
    ]
    data = DataSummary(
        name="petals", size=32, classes=["a", "b"], train_images=8, val_images=2, findings=[]
    )
    return Comparison(
        keiryo_version="0",
        created="2026",
        machine=MACHINE,
        data=data,
        recipe="keiryo",
        batch=8,
        epochs=2,
        minutes=None,
        limits=Limits(),
        trials=trials,
        ranking=MODELS,
        pareto=MODELS,
        recommended=MODELS[0],
        complete=True,
        recommended_trial=trials[0].folder,
        findings=[*findings],
    )


def test_names_are_whole_in_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    print_table(compared(), tmp_path)  # pyright: ignore
    shown = capsys.readouterr().out
    for name in (*MODELS, "<b>own</b>.py:net"):
        assert name in shown
    assert "The report also has: " in shown
    assert max(map(len, ANSI.sub("", shown).splitlines()[:6])) <= 80


def test_a_model_that_is_advised_against_is_not_recommended(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    print_table(compared(), tmp_path)
    assert f"Recommended: {MODELS[0]}" in capsys.readouterr().out
    against = Finding(
        code=NO_BETTER_THAN_BASELINE,
        severity="error",
        evidence="it guesses",
        advice="Do not use it",
    )
    print_table(compared(against), tmp_path)
    shown = capsys.readouterr().out
    assert "Recommended: none" in shown
    assert "keiryo predict" not in shown
    assert "not recommended" in render_page(compared(against), tmp_path)


def test_a_notebook_shows_a_table() -> None:
    table = compared()._repr_html_()
    assert table.count("<tr>") == 4
    assert "<b>mobilenet_v2:width=0.25</b>" in table
    assert "&lt;b&gt;own&lt;/b&gt;" in table
    assert "50.0%" in table
    assert "15.40 ms" in table


def test_completion_in_a_notebook_knows_the_functions() -> None:
    assert {"compare", "weigh", "load", "build", "train_wavenet"} <= set(dir(keiryo))
