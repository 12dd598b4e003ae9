"""The time that `keiryo compare` foretells, against the time that it takes.

    python benchmarks/estimates.py FOLDER [--share 1.0] [--json FILE]

FOLDER has the photographs of the last cases. Each of six cases, which differ by set, size and
network, is estimated from a few measured steps of each candidate, as `compare` does, and then
carried out. The time counts from the estimate to the report. `--share` scales the epochs.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keiryo import api
from keiryo.comparison.beforehand.duration import (
    estimate_trainings,
    measure_steps,
    seconds_after_trainings,
)
from keiryo.comparison.listener import Listener
from keiryo.comparison.plan import Plan
from keiryo.records.costs import Cost
from keiryo.records.data import DataSummary

# Data (None: the folder given), models, size, batch, epochs.
CASES: list[tuple[str | None, list[str], int, int, int]] = [
    ("petals:count=1000", ["mobilenet_v2:width=0.5"], 64, 32, 12),
    ("petals:count=1000", ["resnet18"], 32, 64, 20),
    ("digits", ["mobilenet_v1:width=0.5", "mobilenet_v2:width=0.35"], 32, 32, 20),
    ("petals:count=500", ["densenet:layers=4-4-4,growth=12", "mobilenet_v1:width=0.5"], 64, 16, 20),
    (None, ["mobilenet_v2:width=0.5"], 96, 64, 4),
    (None, ["mobilenet_v1:width=0.5", "mobilenet_v2:width=0.5"], 128, 32, 3),
]
CLOSE_ENOUGH = 0.15


@dataclass
class Timer(Listener):
    """Estimates the time when the images are ready, and notes when it did."""

    plan: Plan | None = None
    estimate: float = 0.0
    began: float = 0.0

    def planned(self, plan: Plan, costs: Mapping[str, Cost | None], images: int) -> None:
        """Keep the plan that is carried out."""
        self.plan = plan

    def data_ready(self, data: DataSummary) -> None:
        """Estimate the time of all that is left to do."""
        assert self.plan is not None
        plan = self.plan
        steps = measure_steps(plan, len(data.classes))
        each = estimate_trainings(plan, steps, train=data.train_images, val=data.val_images)
        self.estimate = sum(each.values()) + seconds_after_trainings(plan, plan.models)
        self.began = time.monotonic()

    def estimated(self, seconds: Mapping[str, float], total: float) -> None:
        """Leave out the time of the comparison's own measurement of steps."""
        self.began = time.monotonic()


def main() -> None:
    """Run the cases and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--cases", type=int, nargs="*", default=list(range(len(CASES))))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: list[dict[str, Any]] = []
    for number in options.cases:
        data, models, size, batch, epochs = CASES[number]
        given: dict[str, Any] = {
            "size": size,
            "batch": batch,
            "epochs": max(1, round(options.share * epochs)),
            "recipe": "keiryo",
            "wait_for_quiet": 0.0,
        }
        timer = Timer()
        with tempfile.TemporaryDirectory() as out:
            api.compare(
                data or options.folder, models, out=out, force=True, listener=timer, **given
            )
        took = time.monotonic() - timer.began
        error = timer.estimate / took - 1
        name = f"{data or 'photographs'} at {size} px, {' and '.join(models)}"
        mark = "" if abs(error) <= CLOSE_ENOUGH else "  over 15 %"
        print(
            f"{name}: foretold {timer.estimate:.0f} s, took {took:.0f} s ({error:+.0%}){mark}",
            flush=True,
        )
        found.append({"case": name, "foretold_s": timer.estimate, "took_s": took, **given})
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
