"""Loggers: listeners that log a comparison to an experiment tracker."""

import difflib
from collections.abc import Sequence
from pathlib import Path

from keiryo.errors import InputError
from keiryo.loggers.logger import Logger
from keiryo.loggers.mlflow import MLflowLogger
from keiryo.loggers.tensorboard import TensorBoardLogger

LOGGERS: dict[str, type[Logger]] = {
    logger.name: logger for logger in (TensorBoardLogger, MLflowLogger)
}


def make_loggers(names: str | Sequence[str], out: Path) -> list[Logger]:
    """Return the loggers `names`, a list or separated by commas, for the comparison in `out`.

    Raises InputError for an unknown name, and if a logger cannot be used.
    """
    listed = names.split(",") if isinstance(names, str) else names
    wanted = dict.fromkeys(name.strip() for name in listed)
    for name in wanted:
        if name not in LOGGERS:
            nearest = difflib.get_close_matches(name, LOGGERS, n=1)
            hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(LOGGERS)}"
            raise InputError(f"--log {name}: unknown logger; {hint}")
    return [LOGGERS[name](out) for name in wanted]
