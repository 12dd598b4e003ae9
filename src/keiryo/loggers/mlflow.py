"""MLflow: a run for each trial, on a tracking server or in a store under OUT/mlruns."""

import importlib
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keiryo.comparison.plan import TrialPlan
from keiryo.errors import InputError
from keiryo.files import write_text
from keiryo.loggers.figures import as_text, numbers
from keiryo.loggers.logger import LoggedEpoch, Logger, first_line, import_extra, without_password
from keiryo.models.saved import MODEL_FILE
from keiryo.records.comparison import Trial
from keiryo.records.data import DataSummary
from keiryo.records.places import MLFLOW_FOLDER
from keiryo.version import __version__

DATABASE = "mlflow.db"
RUN_FILE = "mlflow-run.txt"  # in a trial's folder: the id of its run
STATUSES = {"done": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}
RUNNING = "RUNNING"
LAST_EPOCH = "epoch/epoch"
LARGEST_BATCH = 1000  # the most metrics in one call
# By default, MLflow and the training would wait four minutes for an absent server.
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
# MLflow would write to standard output, where results go.
QUIET = {
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
# Tags to remove when a failed trial is run again.
PASSING_TAGS = ("error", "diagnosis", "mlflow.note.content")


class MLflowLogger(Logger):
    """Logs to the server MLFLOW_TRACKING_URI, or into a database in the comparison's folder.

    The experiment is MLFLOW_EXPERIMENT_NAME, or has the name of the comparison's folder.
    Raises InputError if MLflow is not installed, or the server does not answer.
    """

    name = "mlflow"

    def __init__(self, out: Path) -> None:
        super().__init__(out)
        self._own_store = not os.environ.get("MLFLOW_TRACKING_URI")
        import_extra(self.name, "mlflow", *(("sqlalchemy", "alembic") if self._own_store else ()))
        # It tells of every table it makes.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
        folder = out.resolve()
        self._artifacts = folder / MLFLOW_FOLDER
        self._uri = (
            os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self._artifacts / DATABASE}"
        )
        self._experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME") or folder.name
        self._client: Any = None
        self._experiment_id: str | None = None
        self._run_id: str | None = None
        self._last_epoch = 0
        # A store of the comparison's own is made when the folder is the comparison's.
        if not self._own_store:
            self._check_server()

    def data_ready(self, data: DataSummary) -> None:
        super().data_ready(data)
        self.attempt(self._prepare)

    def log_epochs(self, trial: TrialPlan, epochs: Sequence[LoggedEpoch]) -> None:
        with _settings(PATIENCE | QUIET):
            run_id = self._open(trial, epochs)
            if self._client.get_run(run_id).info.status != RUNNING:
                self._client.update_run(run_id, status=RUNNING)
            self._log_epochs(run_id, epochs)

    def log_end(self, trial: TrialPlan, epochs: Sequence[LoggedEpoch], record: Trial) -> None:
        with _settings(PATIENCE | QUIET):
            run_id = self._open(trial, epochs)
            run = self._client.get_run(run_id)
            # To close it is the last thing that is done; one that was interrupted is closed too.
            has_ended = record.status == "done" or "trial/dropped_at" in run.data.metrics
            if has_ended and run.info.status == STATUSES[record.status]:
                return
            self._log_epochs(run_id, epochs)
            milliseconds = int(epochs[-1].ended_at * 1000) if epochs else None
            self._log_numbers(
                run_id,
                [
                    _metric(f"trial/{name}", number, milliseconds or 0, record.epochs or 0)
                    for name, number in numbers(record).items()
                ],
            )
            self._set_tags(run_id, record, run.data.tags)
        if record.status == "done":
            # As long as it takes: a model may be large, and nothing waits for it but the next.
            with _settings(QUIET):
                self._client.log_artifact(run_id, str(self.out / trial.folder / MODEL_FILE))
        with _settings(PATIENCE | QUIET):
            self._client.set_terminated(
                run_id, status=STATUSES[record.status], end_time=milliseconds
            )

    def let_go(self) -> None:
        self._run_id = None

    def _check_server(self) -> None:
        where = f"MLFLOW_TRACKING_URI {without_password(self._uri)}"
        try:
            with _settings(PATIENCE | {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}):
                experiment = self._connected().get_experiment_by_name(self._experiment)
        except Exception as error:  # its network, its store, or a scheme it does not know
            raise InputError(f"--log mlflow: {where} cannot be used: {first_line(error)}") from None
        if experiment is not None and experiment.lifecycle_stage != "active":
            raise InputError(
                f"--log mlflow: the experiment {self._experiment} is deleted on {where}; "
                "restore it, or name another by MLFLOW_EXPERIMENT_NAME"
            )

    def _connected(self) -> Any:
        if self._client is None:
            if self._own_store:
                self._artifacts.mkdir(parents=True, exist_ok=True)
            self._client = importlib.import_module("mlflow").MlflowClient(self._uri)
        return self._client

    def _prepare(self) -> None:
        # A new store takes seconds to make, which had better not be a training's.
        with _settings(PATIENCE):
            self._find_experiment()

    def _find_experiment(self) -> str:
        if self._experiment_id is None:
            self._experiment_id = self._found_experiment()
        return self._experiment_id

    def _found_experiment(self) -> str:
        client = self._connected()
        experiment = client.get_experiment_by_name(self._experiment)
        if experiment is not None:
            return experiment.experiment_id
        # By itself a store's artifacts would go where the command was called.
        location = self._artifacts.as_uri() if self._own_store else None
        return client.create_experiment(self._experiment, location)

    def _open(self, trial: TrialPlan, epochs: Sequence[LoggedEpoch]) -> str:
        """Return the id of the run of `trial`: the one begun before a resume, or a new one."""
        if self._run_id is None:
            run_file = self.out / trial.folder / RUN_FILE
            run = self._begun_run(run_file)
            if run is None:
                run = self._new_run(trial, epochs)
                write_text(run_file, run.info.run_id)
            if not run.data.params:
                self._log_settings(run.info.run_id, trial)
            self._last_epoch = int(run.data.metrics.get(LAST_EPOCH, 0))
            run_id: str = run.info.run_id
            self._run_id = run_id
        return self._run_id

    def _begun_run(self, run_file: Path) -> Any:
        from_mlflow = importlib.import_module("mlflow.exceptions").MlflowException
        self._find_experiment()
        try:
            run = self._client.get_run(run_file.read_text(encoding="utf-8").strip())
        except FileNotFoundError:
            return None
        except from_mlflow as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None  # it was on another server, or has been deleted for good
            raise
        return run if run.info.lifecycle_stage == "active" else None

    def _new_run(self, trial: TrialPlan, epochs: Sequence[LoggedEpoch]) -> Any:
        started_at = epochs[0].ended_at - epochs[0].epoch.seconds if epochs else None
        return self._client.create_run(
            self._find_experiment(),
            start_time=None if started_at is None else int(started_at * 1000),
            run_name=Path(trial.folder).name,
            tags={
                "mlflow.source.name": "keiryo",
                "keiryo.version": __version__,
                "keiryo.trial": trial.folder,
            },
        )

    def _log_settings(self, run_id: str, trial: TrialPlan) -> None:
        param = importlib.import_module("mlflow.entities").Param
        settings = self.hyperparameters(trial)
        self._client.log_batch(
            run_id, params=[param(name, str(value)) for name, value in settings.items()]
        )

    def _log_epochs(self, run_id: str, epochs: Sequence[LoggedEpoch]) -> None:
        for logged in epochs:
            number = logged.epoch.epoch
            if number <= self._last_epoch:
                continue
            milliseconds = int(logged.ended_at * 1000)
            # One call an epoch, its number among the metrics: it is there whole or not at all.
            self._log_numbers(
                run_id,
                [
                    _metric(f"epoch/{name}", value, milliseconds, number)
                    for name, value in numbers(logged.epoch).items()
                ],
            )
            self._last_epoch = number

    def _log_numbers(self, run_id: str, metrics: list[Any]) -> None:
        for first in range(0, len(metrics), LARGEST_BATCH):
            self._client.log_batch(run_id, metrics=metrics[first : first + LARGEST_BATCH])

    def _set_tags(self, run_id: str, record: Trial, before: dict[str, str]) -> None:
        tags = {"keiryo.status": record.status}
        if record.error:
            tags["error"] = record.error
        if record.dropped_because:
            tags["dropped_because"] = record.dropped_because
        if record.diagnosis:
            tags["diagnosis"] = ",".join(finding.code for finding in record.diagnosis)
            tags["mlflow.note.content"] = as_text(record.diagnosis)
        for name in PASSING_TAGS:
            if name in before and name not in tags:
                self._client.delete_tag(run_id, name)
        for name, value in tags.items():
            self._client.set_tag(run_id, name, value)


def _metric(name: str, value: float, milliseconds: int, step: int) -> Any:
    return importlib.import_module("mlflow.entities").Metric(name, value, milliseconds, step)


@contextmanager
def _settings(settings: dict[str, str]) -> Iterator[None]:
    """Set those environment variables for a while that the user has not set.

    MLflow reads these at each call and takes them from nowhere else.
    """
    mine = {name: value for name, value in settings.items() if name not in os.environ}
    os.environ.update(mine)
    try:
        yield
    finally:
        for name in mine:
            os.environ.pop(name, None)
