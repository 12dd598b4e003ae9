"""TensorBoard: event files under OUT/tensorboard, a folder for each trial."""

import importlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keiryo.comparison.plan import TrialPlan
from keiryo.loggers.figures import as_text, numbers
from keiryo.loggers.logger import LoggedEpoch, Logger, import_extra
from keiryo.records.comparison import Trial
from keiryo.records.places import TENSORBOARD_FOLDER

if TYPE_CHECKING:  # which needs the extra
    from torch.utils.tensorboard import SummaryWriter


class TensorBoardLogger(Logger):
    """Writes curves, hyperparameters and findings as event files.

    Raises InputError if tensorboard is not installed.
    """

    name = "tensorboard"

    def __init__(self, out: Path) -> None:
        super().__init__(out)
        import_extra(self.name, "torch.utils.tensorboard")
        self._writer: SummaryWriter | None = None
        self._written = 0

    def log_epochs(self, trial: TrialPlan, epochs: Sequence[LoggedEpoch]) -> None:
        self._write(trial, epochs).flush()

    def log_end(self, trial: TrialPlan, epochs: Sequence[LoggedEpoch], record: Trial) -> None:
        writer = self._write(trial, epochs)
        step = record.epochs or 0
        time = epochs[-1].ended_at if epochs else None
        for name, number in numbers(record).items():
            writer.add_scalar(f"trial/{name}", number, step, time)
        reason = record.error or record.dropped_because
        words = f"{record.status}: {reason}" if reason else record.status
        writer.add_text("status", words, step, time)
        if record.diagnosis:
            writer.add_text("diagnosis", as_text(record.diagnosis), step, time)
        # One that was stopped is not at its end; TensorBoard would keep the first it is told.
        if record.status != "stopped" or record.dropped_at is not None:
            _add_end(writer, record.status != "failed", time)
        writer.flush()

    def let_go(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            with suppress(Exception):  # the user has been warned already
                writer.close()

    def _write(self, trial: TrialPlan, epochs: Sequence[LoggedEpoch]) -> "SummaryWriter":
        """Write those of `epochs` that are missing, and return the writer."""
        if self._writer is None:
            self._writer, self._written = self._open(trial, epochs), 0
        for logged in epochs[self._written :]:
            for name, number in numbers(logged.epoch).items():
                if name != "epoch":
                    self._writer.add_scalar(
                        f"epoch/{name}", number, logged.epoch.epoch, logged.ended_at
                    )
            self._written += 1
        return self._writer

    def _open(self, trial: TrialPlan, epochs: Sequence[LoggedEpoch]) -> "SummaryWriter":
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.summary import hparams

        folder = self.out / TENSORBOARD_FOLDER / Path(trial.folder).name
        # All epochs are known here, those from before a resume too, so they are written anew.
        # The purge is for a TensorBoard that is looking on and has read the old ones; it would
        # be stuck at a file that is gone, and continues with one that is empty.
        for old in folder.glob("events.out.tfevents.*"):
            if old.stat().st_size:
                os.truncate(old, 0)
            else:
                old.unlink()
        writer = SummaryWriter(str(folder), purge_step=1)
        started_at = epochs[0].ended_at - epochs[0].epoch.seconds if epochs else None
        _, start, _ = hparams(self.hyperparameters(trial), {})
        _add_summary(writer, start, started_at)
        return writer


def _add_end(writer: "SummaryWriter", succeeded: bool, ended_at: float | None) -> None:
    # PyTorch would write of every run that it succeeded, and tensorboard's own function to write
    # this needs tensorflow.
    api = importlib.import_module("tensorboard.plugins.hparams.api_pb2")
    data = importlib.import_module("tensorboard.plugins.hparams.plugin_data_pb2")
    metadata = importlib.import_module("tensorboard.plugins.hparams.metadata")
    protobuf = importlib.import_module("tensorboard.compat.proto.summary_pb2")
    end = data.SessionEndInfo(
        status=api.STATUS_SUCCESS if succeeded else api.STATUS_FAILURE, end_time_secs=ended_at
    )
    value = protobuf.Summary.Value(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(data.HParamsPluginData(session_end_info=end)),
        tensor=metadata.NULL_TENSOR,
    )
    _add_summary(writer, protobuf.Summary(value=[value]), ended_at)


def _add_summary(writer: "SummaryWriter", summary: Any, at: float | None) -> None:
    assert writer.file_writer is not None  # it is until the writer is closed
    writer.file_writer.add_summary(summary, walltime=at)
