"""The speed of generation, as a table on the terminal."""

from keiryo.cli.tables.table import make_table, open_console, say
from keiryo.records.wavenet import GenerationBench
from keiryo.report import words


def print_generation_bench(bench: GenerationBench) -> None:
    """Print a row for each way to generate."""
    network = bench.network
    title = (
        f"{bench.model or 'random weights'}: {network.stacks} x {network.layers_per_stack} layers, "
        f"{network.residual_channels} residual and {network.skip_channels} skip channels, "
        f"{words.number(network.macs_per_sample)} multiply-accumulates a sample"
    )
    rates = ("samples/s", "least", "most", "times real time", "/ naive")
    table = make_table(["way"], ["sounds at once", "threads", *rates], title)
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
    console = open_console()
    console.print(table)
    machine = bench.machine
    text = (
        f"{bench.rate_hz} Hz; {machine.processor}, {machine.cores} cores, torch {machine.torch}; "
        f"medians of {bench.speeds[0].rounds} rounds, in turn, after warm-up"
    )
    say(console, text, "dim")
