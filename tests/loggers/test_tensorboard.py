"""What the event files hold, read back as TensorBoard reads them."""

import shutil
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, metadata
from trials import DATA, MODEL, begin, epoch, record, tell_again, tell_epochs

from keiryo.comparison.listener import Listener, Listeners
from keiryo.comparison.trial.process import TrialReport
from keiryo.loggers import make_loggers
from keiryo.loggers.tensorboard import TensorBoardLogger

RUN = "mobilenet_v1-width=0.25-seed0"


def read(out: Path) -> EventAccumulator:
    events = EventAccumulator(str(out / "tensorboard" / RUN), size_guidance={"scalars": 0})
    return events.Reload()


def points(events: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(point.step, round(point.value, 5)) for point in events.Scalars(tag)]


def hparams(events: EventAccumulator, tag: str):
    content = events.SummaryMetadata(tag).plugin_data.content
    return (
        metadata.parse_session_start_info_plugin_data(content)
        if tag == (metadata.SESSION_START_INFO_TAG)
        else metadata.parse_session_end_info_plugin_data(content)
    )


def text(events: EventAccumulator, tag: str) -> str:
    (event,) = events.Tensors(f"{tag}/text_summary")
    return event.tensor_proto.string_val[0].decode()


def test_a_trial_becomes_a_run_with_curves_figures_and_findings(tmp_path: Path) -> None:
    _, trial = begin(tmp_path)
    logger = TensorBoardLogger(tmp_path)
    logger.data_ready(DATA)
    logger.trial_started(trial, 0, 1)
    tell_epochs(logger, trial, 1, 2)
    # It can be looked at while the training goes on.
    assert points(read(tmp_path), "epoch/val_loss") == [(1, 3.0), (2, 1.5)]
    tell_epochs(logger, trial, 3, 3)
    logger.trial_finished(record(trial, 3))

    events = read(tmp_path)
    assert points(events, "epoch/train_accuracy") == [(1, 0.1), (2, 0.2), (3, 0.3)]
    figures = {tag: points(events, tag) for tag in events.Tags()["scalars"]}
    assert {tag for tag in figures if tag.startswith("epoch/")} == {
        f"epoch/{name}"
        for name in (
            "train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds",
        )
    }  # fmt: skip
    for tag, value in {
        "parameters": 1234.0,
        "macs": 5678.0,
        "artifact_bytes": 7.0,
        "images_per_second": 99.5,
        "val_accuracy": 0.5,
        "train_accuracy": 0.9,
        "latency_ms/p50": 1.5,
        "latency_ms/p95": 2.5,
        "robustness/noise/2": 0.3,
    }.items():
        assert figures[f"trial/{tag}"] == [(3, value)]
    assert "overfitting" in text(events, "diagnosis")
    assert "Vary them more." in text(events, "diagnosis")
    assert text(events, "status") == "done"
    settings = hparams(events, metadata.SESSION_START_INFO_TAG).hparams
    assert settings["model"].string_value == MODEL
    assert settings["batch"].number_value == 8
    assert settings["recipe"].string_value == "keiryo"
    assert settings["data/train_images"].number_value == 40
    end = hparams(events, metadata.SESSION_END_INFO_TAG)
    assert end.status == api_pb2.STATUS_SUCCESS


def test_epochs_told_again_after_a_stop_are_there_once(tmp_path: Path) -> None:
    _, trial = begin(tmp_path)
    first = TensorBoardLogger(tmp_path)
    first.trial_started(trial, 0, 1)
    tell_epochs(first, trial, 1, 3)
    first.trial_finished(record(trial, 3, "stopped"))
    watching = read(tmp_path)  # a TensorBoard that has read the files of before

    resumed = TensorBoardLogger(tmp_path)
    resumed.trial_started(trial, 0, 1)
    tell_again(resumed, trial, 2)  # the third was after the last checkpoint
    tell_epochs(resumed, trial, 3, 4)
    resumed.trial_finished(record(trial, 4))
    for events in (read(tmp_path), watching.Reload()):
        assert [step for step, _ in points(events, "epoch/val_loss")] == [1, 2, 3, 4]
        assert points(events, "trial/images_per_second") == [(4, 99.5)]
    ended = [event.wall_time for event in read(tmp_path).Scalars("epoch/val_loss")]
    assert ended[1] - ended[0] == pytest.approx(10, abs=0.1)  # as long as the epoch took


def test_a_trial_that_pauses_goes_on_in_its_run_and_one_that_is_dropped_ends(
    tmp_path: Path,
) -> None:
    _, trial = begin(tmp_path)
    logger = TensorBoardLogger(tmp_path)
    logger.trial_started(trial, 0, 1)
    tell_epochs(logger, trial, 1, 1)
    logger.trial_reported(trial, TrialReport(epoch=epoch(2)))
    logger.trial_paused(record(trial, 2, "stopped"))
    assert [step for step, _ in points(read(tmp_path), "epoch/val_loss")] == [1, 2]
    logger.trial_started(trial, 0, 1)
    tell_again(logger, trial, 2)
    tell_epochs(logger, trial, 3, 4)
    logger.trial_paused(record(trial, 4, "stopped"))
    events = read(tmp_path)
    assert [step for step, _ in points(events, "epoch/val_loss")] == [1, 2, 3, 4]
    assert not [tag for tag in events.Tags()["scalars"] if tag.startswith("trial/")]
    dropped = record(trial, 4, "stopped").model_copy(
        update={"dropped_at": 0.5, "dropped_because": "stopped early at 50 %"}
    )
    logger.trial_dropped(trial, dropped)
    events = read(tmp_path)
    assert [step for step, _ in points(events, "epoch/val_loss")] == [1, 2, 3, 4]
    assert points(events, "trial/dropped_at") == [(4, 0.5)]
    assert text(events, "status") == "stopped: stopped early at 50 %"
    end = hparams(events, metadata.SESSION_END_INFO_TAG)
    assert end.status == api_pb2.STATUS_SUCCESS


def test_a_trial_done_before_it_was_asked_for_is_logged_whole(tmp_path: Path) -> None:
    _, trial = begin(tmp_path)
    for _ in range(4):  # and once, however often it is resumed
        logger = TensorBoardLogger(tmp_path)
        logger.trial_started(trial, 0, 1)
        logger.trial_finished(record(trial, 3))
    events = read(tmp_path)
    assert [step for step, _ in points(events, "epoch/seconds")] == [1, 2, 3]
    files = sorted((tmp_path / "tensorboard" / RUN).iterdir())
    assert [file.stat().st_size > 0 for file in files] == [False, True]


def test_a_trial_that_failed_says_so(tmp_path: Path) -> None:
    _, trial = begin(tmp_path)
    logger = TensorBoardLogger(tmp_path)
    logger.trial_started(trial, 0, 1)
    logger.trial_finished(record(trial, 0, "failed"))
    events = read(tmp_path)
    assert text(events, "status") == "failed: the boiler burst"
    assert hparams(events, metadata.SESSION_END_INFO_TAG).status == api_pb2.STATUS_FAILURE


def test_a_folder_that_cannot_be_written_warns_once_and_is_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, trial = begin(tmp_path)
    (tmp_path / "tensorboard").write_text("in the way")
    logger = TensorBoardLogger(tmp_path)
    logger.trial_started(trial, 0, 1)
    tell_epochs(logger, trial, 1, 3)
    assert capsys.readouterr().err.count("--log tensorboard: ") == 1
    (tmp_path / "tensorboard").unlink()
    logger.trial_finished(record(trial, 3))
    assert [step for step, _ in points(read(tmp_path), "epoch/seconds")] == [1, 2, 3]
    assert capsys.readouterr().err == ""


def test_listeners_tell_of_every_event(tmp_path: Path) -> None:
    events = {name for name in vars(Listener) if not name.startswith("_")}
    told: list[str] = []

    class Recorder(Listener):
        def __getattribute__(self, name: str) -> object:
            return (
                (lambda *_: told.append(name)) if name in events else super().__getattribute__(name)
            )

    listeners = Listeners(Recorder(), Recorder())
    for event in events:
        getattr(listeners, event)("trial", 0, 1)
    assert sorted(told) == sorted([*events, *events])
    _, trial = begin(tmp_path)
    shutil.copytree(tmp_path, tmp_path / "copy")
    both = Listeners(*make_loggers("tensorboard", tmp_path), TensorBoardLogger(tmp_path / "copy"))
    both.data_ready(DATA)
    both.trial_started(trial, 0, 1)
    tell_epochs(both, trial, 1, 2)
    both.trial_finished(record(trial, 2))
    for out in (tmp_path, tmp_path / "copy"):
        assert points(read(out), "epoch/val_loss") == [(1, 3.0), (2, 1.5)]
