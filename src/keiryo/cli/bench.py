"""`keiryo bench`: the speed of inference or training on this machine."""

import json as json_format
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keiryo.cli import options
from keiryo.cli.compare import OPTIONS
from keiryo.cli.lazy import takes_fields
from keiryo.cli.parameters.completion import complete_models

if TYPE_CHECKING:
    from keiryo.records.speed import Speed


@takes_fields(OPTIONS, before="training", only=("size", "save_memory", "precision"))
def bench(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|ARTIFACT",
            help="A model that `keiryo models` lists, which then has random weights; or a trained "
            "one: the folder of a trial, OUT/trials/NAME, or its model.safetensors.",
            autocompletion=complete_models,
        ),
    ],
    batch: Annotated[
        str | None,
        typer.Option(help="Batch sizes, separated by commas.", show_default="1,32; training: 32"),
    ] = None,
    classes: Annotated[
        int | None, typer.Option(min=1, help="Number of classes of a MODEL.", show_default="1000")
    ] = None,
    input: Annotated[
        str | None,
        typer.Option(
            metavar="CxHxW",
            help="Shape of one example of a MODEL, without the batch, for networks that take no "
            "RGB images; instead of --size.",
        ),
    ] = None,
    training: Annotated[
        bool, typer.Option("--training", help="Measure training steps instead of inference.")
    ] = False,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Training recipe: keiryo, long, plain or reported.", show_default="keiryo"
        ),
    ] = None,
    layers: Annotated[
        bool,
        typer.Option(
            "--layers",
            help="Also measure each layer, on the processor, beside the shortest times that the "
            "machine's matrix rate and memory bandwidth allow.",
        ),
    ] = False,
    wait_for_quiet: options.WaitForQuiet = 10.0,
    device: options.Device = None,
    threads: options.Threads = None,
    json: options.Json = False,
    **given: Any,
) -> None:
    """Measure the speed and memory of a model on this machine, in inference or in training.

    Close other programs, which would slow it down. --save-memory, --precision, --recipe and
    --layers are only for --training.
    """
    import torch

    from keiryo.bench.speed import Subject, inference_speed, training_speed
    from keiryo.cli.tables.speed import print_layer_speeds, print_speeds
    from keiryo.errors import InputError
    from keiryo.measure.machine import usable_cores
    from keiryo.train.device import choose_device
    from keiryo.train.recipe import RECIPES

    for name, value in (
        ("--recipe", recipe),
        ("--save-memory", given.get("save_memory")),
        ("--precision", given.get("precision")),
        ("--layers", layers),
    ):
        if value and not training:
            raise InputError(f"{name}: only for training; add --training, or leave it out")
    if input is not None and training:
        raise InputError(f"--input {input}: not for --training, which takes images; use --size")
    if recipe is not None and recipe not in RECIPES:
        raise InputError(f"--recipe {recipe}: give one of {', '.join(RECIPES)}")
    chosen = choose_device(device or "auto")
    if layers and chosen.type != "cpu":
        raise InputError("--layers: measures only on the processor; add --device cpu")
    shape = None if input is None else options.parse_shape(input)
    subject = Subject.from_name(model, size=given.pop("size", None), classes=classes, shape=shape)
    batches = _batches(batch or ("32" if training else "1,32"))
    threads = threads or usable_cores()
    speeds: list[Speed] = []
    for count in batches:
        typer.echo(f"Measuring {subject.name}, batch {count} ...", err=True)
        if training:
            speed = training_speed(
                subject,
                batch=count,
                recipe=recipe or "keiryo",
                threads=threads,
                device=chosen.type,
                layers=layers,
                **given,
            )
        else:
            speed = inference_speed(
                subject, batch=count, threads=threads, device=chosen.type, wait=wait_for_quiet
            )
        speeds.append(speed)
    if json:
        document = [speed.model_dump(mode="json") for speed in speeds]
        typer.echo(json_format.dumps(document, ensure_ascii=False, indent=2))
        return
    for speed in speeds:
        if speed.layers:
            print_layer_speeds(speed)
    print_speeds(speeds, torch_version=torch.__version__)


def _batches(text: str) -> Sequence[int]:
    from keiryo.errors import InputError

    try:
        batches = [int(part) for part in text.split(",")]
    except ValueError:
        batches = [0]
    if min(batches) < 1:
        raise InputError(f"--batch {text}: give batch sizes of at least 1, separated by commas")
    return batches
