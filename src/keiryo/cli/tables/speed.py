"""The speed of models, as tables on the terminal."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from keiryo.cli.tables.table import make_table, needed_width, open_console, say
from keiryo.records.speed import Latency, LayerSpeed, Load, Speed
from keiryo.report import words
from keiryo.sentences import count

NOT_MEASURED = "-"
# Columns that a narrow terminal can do without, in this order.
LEFT_OUT_FIRST = ("processor 95th", "best", "95th", "99th", "cold start", "memory", "images/s")
SAME_ANSWERS = 1e-4  # the largest difference of a probability that `keiryo export` allows


def print_speeds(speeds: Sequence[Speed], *, torch_version: str) -> None:
    """Print a row for each batch size, and the circumstances of the measurement."""
    console = open_console()
    first = speeds[0]
    unit = "step" if first.mode == "training" else "batch"
    figures = (
        "batch",
        f"ms per {unit}",
        "best",
        "95th percentile",
        "images/s",
        "peak memory",
        "runs",
    )
    table = make_table([], figures, first.model)
    for speed in speeds:
        latency, memory = speed.latency_ms, speed.peak_memory_bytes
        table.add_row(
            str(speed.batch),
            _milliseconds(latency.p50) + "*" * latency.disturbed,
            _optional(latency.best),
            _milliseconds(latency.p95),
            f"{speed.images_per_second:.1f}",
            NOT_MEASURED if memory is None else words.size(memory),
            str(latency.runs),
        )
    console.print(table)
    latency = first.latency_ms
    shape = first.input_shape
    size = f"{first.size} px" if shape is None else "x".join(map(str, shape))
    machine = f"{latency.device}, {count(latency.threads, 'thread')}"
    machine = f"{first.mode} in {first.precision}, {size}, {machine}"
    console.print(Text(f"{machine}, torch {torch_version}; medians after warm-up", style="dim"))
    say_disturbed([speed.latency_ms for speed in speeds])


def print_engines(speeds: Sequence[Speed]) -> None:
    """Print a row for each batch size and engine, and the fastest engine that answers the same."""
    console = open_console()
    first = speeds[0]
    left_out: list[str] = []
    table = _engines_table(speeds, left_out)
    for name in LEFT_OUT_FIRST:
        if needed_width(table, console) <= console.width:
            break
        left_out.append(name)
        table = _engines_table(speeds, left_out)
    console.print(table)
    if left_out:
        say(console, f"--json also has: {', '.join(reversed(left_out))}.", "dim")
    latency = first.latency_ms
    machine = f"{latency.device}, {count(latency.threads, 'thread')}"
    say(
        console,
        f"Milliseconds per batch, medians after warm-up; {first.size} px, {machine}, from decoded "
        "images to probabilities. Processor: processor time of all threads. Cold start: the engine "
        "loaded, the file opened, and the first batch. Difference: of a probability from that of "
        "torch, on random images.",
        "dim",
    )
    say_disturbed([speed.latency_ms for speed in speeds])
    for batch in dict.fromkeys(speed.batch for speed in speeds):
        if line := _fastest([speed for speed in speeds if speed.batch == batch]):
            say(console, line)


def _engines_table(speeds: Sequence[Speed], left_out: Sequence[str]) -> Table:
    figures = ("batch", "median", "best", "95th", "99th", "processor", "processor 95th")
    figures = (*figures, "cold start", "images/s", "memory", "file", "difference")
    figures = [name for name in figures if name not in left_out]
    table = make_table(["engine"], figures, speeds[0].model)
    for speed in speeds:
        latency, difference = speed.latency_ms, speed.largest_difference
        cells = {
            "batch": str(speed.batch),
            "median": _milliseconds(latency.p50) + "*" * latency.disturbed,
            "best": _optional(latency.best),
            "95th": _milliseconds(latency.p95),
            "99th": _optional(latency.p99),
            "processor": _optional(latency.processor_p50),
            "processor 95th": _optional(latency.processor_p95),
            "cold start": _optional(latency.cold_start_ms),
            "images/s": f"{speed.images_per_second:.1f}",
            "memory": words.size(speed.peak_memory_bytes),
            "file": words.size(speed.file_bytes),
            "difference": NOT_MEASURED if difference is None else f"{difference:.1g}",
        }
        table.add_row(speed.engine_version, *(cells[name] for name in figures))
    return table


def _fastest(speeds: Sequence[Speed]) -> str | None:
    """Return a sentence that names the fastest engine that keeps the answers, of two at least."""
    rest = [speed for speed in speeds if (speed.largest_difference or 0.0) <= SAME_ANSWERS]
    if len(rest) < 2:
        return None
    rest.sort(key=lambda speed: speed.latency_ms.p50)
    fast, slow = rest[0].latency_ms, rest[-1].latency_ms
    names = f"{rest[0].engine_version}", f"{rest[-1].engine_version}"
    (low, high), (slow_low, slow_high) = fast.spread or (0.0, 0.0), slow.spread or (0.0, 0.0)
    at = f"Batch {speeds[0].batch}: "
    if high >= slow_low or not low:
        return f"{at}the passes of {names[0]} and {names[1]} overlap, so neither is called faster."
    return (
        f"{at}{names[0]} answers the same as {names[1]} and is {slow_low / high:.1f} to "
        f"{slow_high / low:.1f} times as fast{_less_processor_time(fast, slow)}."
    )


def _less_processor_time(fast: Latency, slow: Latency) -> str:
    if not fast.processor_p50 or not slow.processor_p50:
        return ""
    return f", on 1/{slow.processor_p50 / fast.processor_p50:.1f} of the processor time"


def print_layer_speeds(speed: Speed) -> None:
    """Print the time of each layer in a training step beside its limits, and the sums."""
    console = open_console()
    figures = (
        "forward ms",
        "backward ms",
        "arithmetic ms",
        "memory ms",
        "times the limit",
        "best ms",
    )
    title = f"{speed.model}, a training step with batch {speed.batch}"
    table = make_table(["layer", "kind", "output"], figures, title)
    for layer in speed.layers:
        shape = "x".join(map(str, layer.output_shape))
        name = layer.layer + "*" * layer.disturbed
        best = NOT_MEASURED if layer.best_ms is None else _milliseconds(layer.best_ms)
        table.add_row(Text(name), layer.kind, shape, *_cells([layer]), best)
    table.add_section()
    for kind in dict.fromkeys(layer.kind for layer in speed.layers):
        alike = [layer for layer in speed.layers if layer.kind == kind]
        table.add_row("", kind, f"layers: {len(alike)}", *_cells(alike), "")
    table.add_section()
    table.add_row("total", "", "", *_cells(speed.layers), "", style="bold")
    console.print(table)
    arithmetic = sum(layer.arithmetic_ms for layer in speed.layers) / 1000.0
    memory = sum(layer.memory_ms for layer in speed.layers) / 1000.0
    text = (
        "Limits: arithmetic at the machine's matrix rate allows "
        f"{speed.batch / arithmetic:.0f} images/s; its memory bandwidth allows "
        f"{speed.batch / memory:.0f}, if each layer's tensors move once. Whole steps make "
        f"{speed.images_per_second:.1f} images/s. Each layer was measured alone; its limit is the "
        "larger of its arithmetic and memory times."
    )
    console.print(Text(text, style="dim"))
    say_disturbed(speed.layers)


def say_disturbed(loads: Sequence[Load]) -> None:
    """Say what * means, if a measurement was disturbed."""
    if shares := [load.others_share or 0.0 for load in loads if load.disturbed]:
        text = f"* Disturbed: other processes took {words.percent(max(shares))} of the processor."
        open_console().print(Text(text, style="yellow"))


def _cells(layers: Sequence[LayerSpeed]) -> list[str]:
    forward = sum(layer.forward_ms for layer in layers)
    backward = sum(layer.backward_ms for layer in layers)
    arithmetic = sum(layer.arithmetic_ms for layer in layers)
    memory = sum(layer.memory_ms for layer in layers)
    least = sum(max(layer.arithmetic_ms, layer.memory_ms) for layer in layers)
    times = f"{(forward + backward) / least:.1f}" if least else NOT_MEASURED
    return [*map(_milliseconds, (forward, backward, arithmetic, memory)), times]


def _optional(value: float | None) -> str:
    return NOT_MEASURED if value is None else _milliseconds(value)


def _milliseconds(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"
