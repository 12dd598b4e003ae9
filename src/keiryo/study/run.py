"""A study's run: the table of studies, and the record that a run ends with."""

import importlib
import time
from typing import Any

import torch

from keiryo.errors import InputError
from keiryo.measure.load import LoadWatch
from keiryo.measure.machine import describe_machine, usable_cores
from keiryo.records.study import Study, conclude
from keiryo.study.outcome import Outcome, Tell
from keiryo.version import __version__

# Each module has the sizes QUICK and THOROUGH, and a function `study(sizes, seed, tell)`.
STUDIES = {
    "convolution": "keiryo.study.convolution",
    "connectivity": "keiryo.study.connectivity",
    "quiz": "keiryo.study.quiz",
}


def run_study(
    name: str,
    *,
    quick: bool = False,
    seed: int = 0,
    threads: int | None = None,
    tell: Tell = lambda share, activity: None,
    sizes: Any = None,
) -> Study:
    """Run the study `name` and return its record.

    `sizes` are those of the experiment, an object of the study's own class; without them, `quick`
    chooses. `tell` is told of the progress. Raises InputError if there is no such study.
    """
    if name not in STUDIES:
        raise InputError(f"{name}: no such study; give one of {', '.join(STUDIES)}")
    module = importlib.import_module(STUDIES[name])
    watch, started, before = LoadWatch(), time.monotonic(), torch.get_num_threads()
    torch.set_num_threads(threads or usable_cores())
    try:
        outcome: Outcome = module.study(
            sizes or (module.QUICK if quick else module.THOROUGH), seed, tell
        )
        machine = describe_machine(
            device="cpu", threads=torch.get_num_threads(), torch_version=torch.__version__
        )
    finally:
        torch.set_num_threads(before)
    return Study(
        study=name,
        keiryo_version=__version__,
        machine=machine,
        seed=seed,
        is_quick=quick,
        seconds=time.monotonic() - started,
        load=watch.load(),
        title=outcome.title,
        claim=outcome.claim,
        formulas=outcome.formulas,
        experiment=outcome.experiment,
        verdict=conclude(outcome.judgements),
        judgements=outcome.judgements,
        tables=outcome.tables,
        plots=outcome.plots,
    )
