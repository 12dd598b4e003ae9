"""`keiryo doctor`: a description of this machine and of its load."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keiryo.cli import options

if TYPE_CHECKING:
    from keiryo.records.speed import Neighbourhood

MOST_NEIGHBOURS = 3


def doctor(
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Also measure the matrix rate, the memory bandwidth and the time to call a layer, "
            "and write them to OUT/device-profile.json, for `keiryo weigh --device-profile`.",
        ),
    ] = False,
    device: options.Device = None,
    threads: options.Threads = None,
    out: options.Out = Path(),
    force: options.ForceFile = False,
    json: options.Json = False,
) -> None:
    """Describe this machine: processor, memory, device, precision, load, versions."""
    from keiryo.cli.live.terminal import show_working

    with show_working("loading PyTorch"):
        import torch

        from keiryo.files import write_text
        from keiryo.measure.machine import describe_machine, usable_cores
        from keiryo.measure.neighbours import watch_neighbours
        from keiryo.measure.profile import measure_profile
        from keiryo.nn.norm_activation import has_kernels
        from keiryo.records.costs import PROFILE_FILE
        from keiryo.report import words
        from keiryo.sentences import count
        from keiryo.train.device import choose_device
        from keiryo.train.precision import has_bfloat16_units
        from keiryo.version import __version__

    path = out / PROFILE_FILE
    if measure:
        options.check_is_new(path, force=force)
    with show_working("looking at this machine") as terminal:
        chosen = choose_device(device or "auto").type
        machine = describe_machine(
            device=chosen, threads=threads or usable_cores(), torch_version=torch.__version__
        )
        now = watch_neighbours()
        profile = None
        if measure:
            terminal.say("Measuring for some seconds; other programs would slow it down.")
            terminal.working("measuring")
            profile = measure_profile(device=chosen, threads=machine.threads)
            write_text(path, profile.model_dump_json(indent=2) + "\n")
        fast = has_bfloat16_units(torch.device(chosen))
    precision = "bfloat16" if fast else "float32"
    if json:
        document = {"keiryo_version": __version__, **machine.model_dump()}
        document["load"] = now.model_dump()
        document["training_kernels"] = has_kernels(chosen)
        document["training_precision"] = precision
        document["profile"] = None if profile is None else profile.model_dump()
        typer.echo(json_format.dumps(document, indent=2))
        return
    lines = {
        "keiryo": __version__,
        "processor": f"{machine.processor}, {machine.cores} cores",
        "memory": words.size(machine.memory_bytes),
        "computes on": f"{machine.device}, {count(machine.threads, 'thread')}",
        "training": _describe_kernels(chosen),
        "precision": f"{precision} for most trainings",
        "load": _describe_load(now),
        "system": machine.system,
        "versions": f"torch {machine.torch}, Python {machine.python}",
    }
    if profile is not None:
        small, large = profile.bandwidths[0], profile.bandwidths[-1]
        lines |= {
            "matrix rate": f"{words.number(profile.macs_per_second)} multiply-accumulates/s",
            "bandwidth": f"{words.size(large[1])}/s with arrays of {words.size(large[0])}, "
            f"{words.size(small[1])}/s with arrays of {words.size(small[0])}",
            "time of a call": ", ".join(
                f"{kind} {seconds * 1e6:.1f} µs" for kind, seconds in profile.call_seconds.items()
            ),
            "profile": str(path),
        }
    for title, text in lines.items():
        typer.echo(f"{title:<15} {text}")


def _describe_kernels(device: str) -> str:
    """Return how the norms of a network are trained on a device."""
    from keiryo.nn.norm_activation import has_kernels

    if has_kernels(device):
        place = "GPU" if device == "cuda" else "processor"
        return f"norm and activation in one step on the {place}"
    missing = "PyTorch's OpenMP library was not found"
    if device == "cuda":
        missing = "that needs Triton, a C compiler and a GPU from Ampere on"
    return f"norm and activation in two steps: {missing}"


def _describe_load(now: "Neighbourhood") -> str:
    """Return what other processes take of the processor, and what that does to figures."""
    from keiryo.report import words

    share = f"other processes take {words.percent(now.others_share)} of the processor"
    if not now.disturbed:
        return f"{share}: quiet enough to measure"
    busiest = ", ".join(
        f"{neighbour.name} (process {neighbour.pid}) {neighbour.cores:g} cores"
        for neighbour in now.neighbours[:MOST_NEIGHBOURS]
    )
    return (
        f"{share}{f': {busiest}' if busiest else ''}. Latencies and times measured now are too "
        "long, and marked as disturbed; end these programs or wait"
    )
