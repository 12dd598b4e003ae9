"""The speed of generation, as a table on the terminal."""

from keiryo.cli.tables.table import make_table, open_console, say
from keiryo.records.wavenet import GenerationBench
from keiryo.report import words


def print_generation_bench(bench: GenerationBench) -> None:
    """Print a row for each way to generate."""
    network = bench.network
    title = (
        f"{bench.model or 'random weights'}: stacks {network.stacks}, layers in each "
        f"{network.layers_per_stack}, residual channels {network.residual_channels}, skip "
        f"channels {network.skip_channels}; multiply-accumulates per sample "
        f"{words.number(network.macs_per_sample)}"
    )
    rates = ("samples/s", "least", "best", "times real time", "times naive")
    table = make_table(["way"], ["sounds at once", "threads", *rates], title)
    naive = bench.speeds[0].samples_per_second
    for speed in bench.speeds:
        table.add_row(
            speed.way,
            str(speed.streams),
            str(speed.threads),
            f"{speed.samples_per_second:,.0f}" + "*" * speed.disturbed,
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
        f"rounds after warm-up: {bench.speeds[0].rounds} (median, least and best)"
    )
    say(console, text, "dim")
    if shares := [speed.others_share or 0.0 for speed in bench.speeds if speed.disturbed]:
        text = f"* Disturbed: other processes took {words.percent(max(shares))} of the processor."
        say(console, text, "yellow")
