"""The speed of models, as tables on the terminal."""

from collections.abc import Sequence

from rich.text import Text

from keiryo.cli.tables.table import make_table, open_console
from keiryo.records.speed import LayerSpeed, Load, Speed
from keiryo.report import words
from keiryo.sentences import count

NOT_MEASURED = "-"


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
            NOT_MEASURED if latency.best is None else _milliseconds(latency.best),
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


def _milliseconds(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"
