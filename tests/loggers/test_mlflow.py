"""What is in MLflow's store, read back by MLflow. Skipped where the extra is not installed."""

import socket
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from trials import DATA, MODEL, begin, record, tell_again, tell_epochs

from conftest import Finished
from keiryo.errors import InputError
from keiryo.loggers import make_loggers
from keiryo.loggers.mlflow import MLflowLogger

RUN = "mobilenet_v1-width=0.25-seed0"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database with MLflow's tables, which take seconds to make."""
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{file}").search_experiments()
    return file.read_bytes()


@pytest.fixture
def out(tmp_path: Path, empty_store: bytes) -> Path:
    folder = tmp_path / "my comparison"
    (folder / "mlruns").mkdir(parents=True)
    (folder / "mlruns" / "mlflow.db").write_bytes(empty_store)
    return folder


def client(out: Path) -> Any:
    import mlflow

    return mlflow.MlflowClient(f"sqlite:///{out / 'mlruns' / 'mlflow.db'}")


def only_run(out: Path, experiment: str = "my comparison") -> Any:
    found = client(out).get_experiment_by_name(experiment)
    (run,) = client(out).search_runs([found.experiment_id])
    return run


def history(out: Path, name: str) -> list[tuple[int, float]]:
    points = client(out).get_metric_history(only_run(out).info.run_id, name)
    return [(point.step, point.value) for point in points]


def test_a_trial_becomes_a_run_with_curves_figures_and_the_model(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, trial = begin(out)
    logger = MLflowLogger(out)
    logger.data_ready(DATA)
    logger.trial_started(trial, 0, 1)
    tell_epochs(logger, trial, 1, 2)
    assert only_run(out).info.status == "RUNNING"
    assert history(out, "epoch/val_loss") == [(1, 3.0), (2, 1.5)]
    tell_epochs(logger, trial, 3, 3)
    logger.trial_finished(record(trial, 3))

    run = only_run(out)
    assert run.info.run_name == RUN
    assert run.info.status == "FINISHED"
    assert run.info.end_time - run.info.start_time >= 10_000  # what the first epoch took
    assert run.data.params["model"] == MODEL
    assert run.data.params["batch"] == "8"
    assert run.data.params["recipe"] == "keiryo"
    assert run.data.params["data/train_images"] == "40"
    assert run.data.metrics["epoch/learning_rate"] == 0.001
    assert run.data.metrics["trial/train_accuracy"] == 0.9
    assert run.data.metrics["trial/parameters"] == 1234
    assert run.data.metrics["trial/latency_ms/p95"] == 2.5
    assert run.data.metrics["trial/robustness/noise/2"] == 0.3
    assert run.data.tags["diagnosis"] == "overfitting"
    assert "Vary them more." in run.data.tags["mlflow.note.content"]
    assert (
        out / "mlruns" / run.info.run_id / "artifacts" / "model.safetensors"
    ).read_bytes() == b"weights"
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "keiryo" not in printed.err


def test_a_resumed_trial_goes_on_with_its_run(out: Path) -> None:
    _, trial = begin(out)
    first = MLflowLogger(out)
    first.trial_started(trial, 0, 1)
    tell_epochs(first, trial, 1, 3)
    first.trial_finished(record(trial, 3, "stopped"))
    stopped = only_run(out)
    assert stopped.info.status == "KILLED"

    resumed = MLflowLogger(out)
    resumed.trial_started(trial, 0, 1)
    tell_again(resumed, trial, 2)  # the third was after the last checkpoint
    assert only_run(out).info.status == "RUNNING"
    tell_epochs(resumed, trial, 3, 4)
    resumed.trial_finished(record(trial, 4))
    run = only_run(out)
    assert run.info.run_id == stopped.info.run_id
    assert run.info.status == "FINISHED"
    assert [step for step, _ in history(out, "epoch/val_loss")] == [1, 2, 3, 4]

    again = MLflowLogger(out)  # and a comparison that is resumed when it is done
    again.trial_started(trial, 0, 1)
    again.trial_finished(record(trial, 4))
    assert history(out, "trial/val_accuracy") == [(4, 0.5)]


def test_a_trial_that_pauses_goes_on_in_its_run_and_one_that_is_dropped_ends(out: Path) -> None:
    _, trial = begin(out)
    logger = MLflowLogger(out)
    logger.trial_started(trial, 0, 1)
    tell_epochs(logger, trial, 1, 2)
    logger.trial_paused(record(trial, 2, "stopped"))
    assert only_run(out).info.status == "RUNNING"
    logger.trial_started(trial, 0, 1)
    tell_again(logger, trial, 2)
    tell_epochs(logger, trial, 3, 4)
    logger.trial_paused(record(trial, 4, "stopped"))
    dropped = record(trial, 4, "stopped").model_copy(
        update={"dropped_at": 0.5, "dropped_because": "stopped early at 50 %"}
    )
    for _ in range(2):  # and when the comparison is resumed
        logger.trial_dropped(trial, dropped)
        run = only_run(out)
        assert run.info.status == "KILLED"
        assert run.data.tags["dropped_because"] == "stopped early at 50 %"
        assert history(out, "trial/dropped_at") == [(4, 0.5)]
    assert [step for step, _ in history(out, "epoch/val_loss")] == [1, 2, 3, 4]


def test_a_trial_done_before_it_was_asked_for_is_logged_whole(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{out / 'mlruns' / 'mlflow.db'}")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "flowers")
    monkeypatch.chdir(out)  # where MLflow puts artifacts by itself
    _, trial = begin(out)
    logger = MLflowLogger(out)
    logger.trial_started(trial, 0, 1)
    logger.trial_finished(record(trial, 3))
    run = only_run(out, "flowers")
    assert run.info.status == "FINISHED"
    points = client(out).get_metric_history(run.info.run_id, "epoch/seconds")
    assert [point.step for point in points] == [1, 2, 3]
    gaps = [after.timestamp - before.timestamp for before, after in pairwise(points)]
    assert gaps == [10_000, 10_000]


def test_what_failed_is_not_said_of_a_later_success(out: Path) -> None:
    _, trial = begin(out)
    for status, expected in (("failed", "FAILED"), ("done", "FINISHED")):
        logger = MLflowLogger(out)
        logger.trial_started(trial, 0, 1)
        logger.trial_finished(record(trial, 2, status))
        run = only_run(out)
        assert run.info.status == expected
        assert run.data.tags.get("error") == ("the boiler burst" if status == "failed" else None)


def test_a_store_that_fails_warns_once_and_what_is_missing_comes_later(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, trial = begin(out)
    logger = MLflowLogger(out)
    logger.data_ready(DATA)
    logger.trial_started(trial, 0, 1)
    tell_epochs(logger, trial, 1, 1)
    store = out / "mlruns" / "mlflow.db"
    whole = store.read_bytes()
    store.write_bytes(b"no database" * 1000)
    tell_epochs(logger, trial, 2, 3)
    assert capsys.readouterr().err.count("keiryo: --log mlflow: ") == 1
    store.write_bytes(whole)
    logger.trial_finished(record(trial, 4))
    assert sorted(step for step, _ in history(out, "epoch/val_loss")) == [1, 2, 3, 4]
    assert only_run(out).info.status == "FINISHED"
    assert "keiryo" not in capsys.readouterr().err


def test_a_server_that_does_not_answer_is_told_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keiryo: Callable[..., Finished]
) -> None:
    pytest.importorskip("mlflow")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        port = taken.getsockname()[1]
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{port}")
        finished = keiryo("train", "resnet18", "petals:count=20", "--log", "mlflow",
                          "--out", tmp_path / "out")  # fmt: skip
    assert finished.status == 2
    assert f"MLFLOW_TRACKING_URI http://127.0.0.1:{port} cannot be used" in finished.err
    assert "secret" not in finished.err
    assert finished.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("extra", "package"), [("mlflow", "mlflow"), ("tensorboard", "tensorboard")]
)
def test_a_missing_extra_is_told_before_anything_is_trained(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    keiryo: Callable[..., Finished],
    extra: str,
    package: str,
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as Python finds one that is not there
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    finished = keiryo("compare", "petals:count=20", "--log", extra, "--out", tmp_path / "out")
    assert finished.status == 2
    assert finished.err == (
        f"keiryo: --log {extra}: {package} is not installed; pip install 'keiryo[{extra}]'\n"
    )
    assert not (tmp_path / "out").exists()


def test_an_unknown_logger_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--log tensorbord: .*did you mean tensorboard"):
        make_loggers("tensorbord", tmp_path)
    with pytest.raises(InputError, match=r"--log wandb: .*tensorboard, mlflow"):
        make_loggers(["wandb"], tmp_path)
