"""The speed of generation, as a table on the terminal."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from keiryo.records.wavenet import GenerationBench
from keiryo.report import words

WIDTH_WITHOUT_TERMINAL = 140


def print_generation_bench(bench: GenerationBench) -> None:
    """Print a row for each way to generate."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_WITHOUT_TERMINAL)
    network = bench.network
    title = (
        f"{bench.model or 'random weights'}: {network.stacks} x {network.layers_per_stack} layers, "
        f"{network.residual_channels} residual and {network.skip_channels} skip channels, "
        f"{words.number(network.macs_per_sample)} multiply-accumulates a sample"
    )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=Text(title))
    table.add_column("way")
    for heading in (
        "sounds at once", "threads", "samples/s", "least", "most", "times real time", "/ naive",
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    naive = bench.speeds[0].samples_per_second
    for speed in bench.speeds:
        table.add_row(
            speed.way,
            str(speed.streams),
            str(speed.threads),
            f"{speed.samples_per_second:,.0f}",
            f"{speed.least_samples_per_second:,.0f}",
            f"{speed.most_samples_per_second:,.0f}",
            f"{speed.real_time_factor:.3g}",
            f"{speed.samples_per_second / naive:,.0f}",
        )
    console.print(table)
    machine = bench.machine
    text = (
        f"{bench.rate_hz} Hz; {machine.processor}, {machine.cores} cores, torch {machine.torch}; "
        f"medians of {bench.speeds[0].rounds} rounds, in turn, after warm-up"
    )
    console.print(Text(text, style="dim"), soft_wrap=True)
