"""The latency of models: measured in turns, in processes that do nothing else.

A model is measured in several passes. All models take turns, so that a change of the machine's
speed meets them alike. Passes that other processes disturbed are made again, and so are those of a
model whose passes disagree.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import TracebackType

from keiryo.measure.engines import ENGINES
from keiryo.measure.load import wait_for_quiet
from keiryo.processes import environment
from keiryo.records.speed import TORCH, Latency

ROUNDS = 3
MOST_ROUNDS = 6
# Passes whose medians differ by more than this share disagree.
LARGEST_SPREAD = 0.1
LONGEST_WAIT_SECONDS = 10.0
MOST_PROCESSES = 8  # each holds an engine and a network in memory


@dataclass(frozen=True)
class ToMeasure:
    """Files of trained models that have the same architecture, and the images of one batch.

    `shape` is that of one example, without the batch; None: an RGB image of the model's own size.
    `engine` is a name in `keiryo.measure.engines.ENGINES`, which runs these files.
    """

    files: tuple[Path, ...]
    batch: int = 1
    shape: tuple[int, ...] | None = None
    engine: str = TORCH


class LatencyError(Exception):
    """A model that could not be run: `status` is that of its process, `log` its last words."""

    def __init__(self, status: int, log: str) -> None:
        super().__init__(log)
        self.status = status
        self.log = log


def measure_latency(
    model: Path,
    *,
    device: str,
    threads: int,
    batch: int = 1,
    shape: tuple[int, ...] | None = None,
    wait: float = LONGEST_WAIT_SECONDS,
) -> Latency:
    """Measure the trained model in the file `model`. Raises LatencyError if it does not run."""
    architecture = ToMeasure((model,), batch, shape)
    (found,) = measure_latencies([architecture], device=device, threads=threads, wait=wait)
    if isinstance(found, LatencyError):
        raise found
    return found


def measure_latencies(
    architectures: Sequence[ToMeasure],
    *,
    device: str,
    threads: int,
    wait: float = LONGEST_WAIT_SECONDS,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Latency | LatencyError]:
    """Measure each architecture on batches of its own size; its files share one figure.

    Engines that run on the processor alone do so, whatever `device` is.

    Before passes, it waits until other processes take little, for `wait` seconds in all at most.
    When that time is used up, disturbed passes are not made again.

    `on_progress` is told the number of passes made so far and planned. An architecture that could
    not be run has a LatencyError in its place.
    """
    found: list[Latency | LatencyError] = []
    planned = ROUNDS * sum(len(architecture.files) for architecture in architectures)
    done = 0

    def count_pass() -> None:
        nonlocal done
        done += 1
        on_progress(min(done, planned), planned)

    for start in range(0, len(architectures), MOST_PROCESSES):
        with ExitStack() as processes:
            measured = [
                processes.enter_context(_Architecture(each, device=device, threads=threads))
                for each in architectures[start : start + MOST_PROCESSES]
            ]
            wait_left = wait
            for round_number in range(MOST_ROUNDS):
                unsettled = [each for each in measured if not each.is_settled()]
                if round_number >= ROUNDS and wait_left <= 0.0:
                    unsettled = [each for each in unsettled if each.is_quiet()]
                if not unsettled:
                    break
                wait_left -= wait_for_quiet(at_most=min(wait_left, wait / ROUNDS))
                for each in unsettled:
                    each.measure(count_pass)
            found += [each.result() for each in measured]
    return found


@dataclass
class _Architecture:
    """A process that measures one architecture, and its passes so far."""

    given: ToMeasure
    device: str
    threads: int
    passes: list[Latency] = field(default_factory=list)
    error: LatencyError | None = None

    def __enter__(self) -> "_Architecture":
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        device = "cpu" if ENGINES[self.given.engine].on_processor_only else self.device
        options = {"--device": device, "--threads": self.threads, "--batch": self.given.batch}
        options["--engine"] = self.given.engine
        if self.given.shape is not None:
            options["--shape"] = "x".join(map(str, self.given.shape))
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "keiryo.measure.latency_process"),
                *(str(word) for option in options.items() for word in option),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment(),
            text=True,
            encoding="utf-8",
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def measure(self, count_pass: Callable[[], None]) -> None:
        """Make one pass over each file."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for file in self.given.files:
            try:
                # The name of a file may be no UTF-8; JSON takes any text.
                self._process.stdin.write(f"{json.dumps(str(file))}\n")
                self._process.stdin.flush()
            except BrokenPipeError:
                pass  # the process has ended, and the next line says so
            answer = self._process.stdout.readline()
            if not answer:
                self.error = LatencyError(self._process.wait(), self._read_log())
                return
            self.passes.append(Latency.model_validate_json(answer))
            count_pass()

    def is_settled(self) -> bool:
        """Return True if there are enough quiet passes that agree, or an error."""
        if self.error is not None:
            return True
        quiet = self._quiet()
        if len(quiet) < ROUNDS * len(self.given.files):
            return False
        lowest, highest = _spread(quiet)
        return highest - lowest <= LARGEST_SPREAD * highest

    def is_quiet(self) -> bool:
        """Return True if no pass was disturbed."""
        return len(self._quiet()) == len(self.passes)

    def result(self) -> Latency | LatencyError:
        """Return one figure for all quiet passes, or for all passes if none was quiet."""
        if self.error is not None:
            return self.error
        passes = self._quiet() or self.passes
        wall = sum(each.wall_seconds or 0.0 for each in passes)
        pressures = [each.pressure for each in passes if each.pressure is not None]
        return passes[0].model_copy(
            update={
                "p50": median(each.p50 for each in passes),
                "p95": median(each.p95 for each in passes),
                "p99": median(each.p99 or 0.0 for each in passes),
                "best": min(each.best or each.p50 for each in passes),
                "processor_p50": median(each.processor_p50 or 0.0 for each in passes),
                "processor_p95": median(each.processor_p95 or 0.0 for each in passes),
                "processor_best": min(each.processor_best or 0.0 for each in passes),
                "spread": _spread(passes),
                "runs": sum(each.runs for each in passes),
                "cold_start_ms": self.passes[0].cold_start_ms,
                "peak_memory_bytes": max(each.peak_memory_bytes or 0 for each in passes) or None,
                "wall_seconds": wall,
                "processor_seconds": sum(each.processor_seconds or 0.0 for each in passes),
                "others_seconds": sum(each.others_seconds or 0.0 for each in passes),
                "others_share": round(
                    sum((each.others_share or 0.0) * (each.wall_seconds or 0.0) for each in passes)
                    / max(wall, 1e-9),
                    4,
                ),
                "pressure": max(pressures) if pressures else None,
            }
        )

    def _quiet(self) -> list[Latency]:
        return [each for each in self.passes if not each.disturbed]

    def _read_log(self) -> str:
        self._log.seek(0)
        return self._log.read()


def _spread(passes: Sequence[Latency]) -> tuple[float, float]:
    medians = [each.p50 for each in passes]
    return min(medians), max(medians)
