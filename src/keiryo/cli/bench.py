"""`keiryo bench`: the speed of inference or training on this machine."""

import json as json_format
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keiryo.cli import options
from keiryo.cli.compare import OPTIONS
from keiryo.cli.parameters.completion import complete_models
from keiryo.cli.parameters.lazy import takes_fields

if TYPE_CHECKING:
    from keiryo.records.speed import Speed


@takes_fields(OPTIONS, before="training", only=("size", "save_memory", "precision"))
def bench(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|ARTIFACT",
            help="A model that `keiryo models` lists, which then has random weights; or a trained "
            "one: the folder of a trial, OUT/trials/NAME, its model.safetensors, or a file that "
            "`keiryo export` wrote.",
            autocompletion=complete_models,
        ),
    ],
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="Engines to compare, separated by commas: torch, onnx (ONNX Runtime), openvino, "
            "onnx-int8 and openvino-int8 (integers of 8 bits); or all, those that are installed. "
            "The network is exported for them.",
            show_default="torch; of an exported file, its own",
        ),
    ] = None,
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
    --layers are only for --training. Each engine runs in a process of its own, in turns with the
    others, on the same number of threads.
    """
    from keiryo.cli.live.terminal import show_working

    with show_working("loading PyTorch"):
        import torch

        from keiryo.bench.speed import Subject, inference_speeds, training_speed
        from keiryo.cli.tables.speed import print_engines, print_layer_speeds, print_speeds
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
    if engine is not None and training:
        raise InputError(f"--engine {engine}: networks are trained with torch; leave it out")
    if engine is not None and input is not None:
        raise InputError(
            f"--engine {engine}: takes networks of RGB images; give --size, no --input"
        )
    engines = _engines(engine)
    on_processor = engine is not None and engines != ["torch"]
    if on_processor and device not in (None, "auto", "cpu"):
        raise InputError(f"--engine {engine}: runs on the processor; add --device cpu")
    chosen = choose_device("cpu" if on_processor else device or "auto")
    if layers and chosen.type != "cpu":
        raise InputError("--layers: measures only on the processor; add --device cpu")
    shape = None if input is None else options.parse_shape(input)
    with show_working(f"reading {model}"):
        subject = Subject.from_name(
            model, size=given.pop("size", None), classes=classes, shape=shape
        )
    if subject.engine is not None:
        if training or (engine is not None and engines != [subject.engine]):
            option = "--training" if training else f"--engine {engine}"
            raise InputError(f"{option}: {model} runs by {subject.engine} alone; give its trial")
        engines = [subject.engine]
    batches = _batches(batch or ("32" if training else "1,32"))
    threads = threads or usable_cores()
    speeds: list[Speed] = []
    with show_working(f"building {subject.name}") as terminal:
        if not training:
            speeds = inference_speeds(
                subject,
                engines=engines,
                batches=batches,
                threads=threads,
                device=chosen.type,
                wait=wait_for_quiet,
                say=terminal.tell,
            )
        for count in batches if training else ():
            terminal.tell(f"Measuring {subject.name}, batch {count} ...")
            speed = training_speed(
                subject,
                batch=count,
                recipe=recipe or "keiryo",
                threads=threads,
                device=chosen.type,
                layers=layers,
                **given,
            )
            speeds.append(speed)
    if json:
        document = [speed.model_dump(mode="json") for speed in speeds]
        typer.echo(json_format.dumps(document, ensure_ascii=False, indent=2))
        return
    for speed in speeds:
        if speed.layers:
            print_layer_speeds(speed)
    if engines == ["torch"]:
        print_speeds(speeds, torch_version=torch.__version__)
    else:
        print_engines(speeds)


def _engines(text: str | None) -> list[str]:
    """Return the engines that are named, each once."""
    from keiryo.measure.engines import ALL, find_engine, installed_engines

    if text == ALL:
        return installed_engines()
    names = list(dict.fromkeys(name.strip() for name in (text or "torch").split(",")))
    for name in names:
        find_engine(name)
    return names


def _batches(text: str) -> Sequence[int]:
    from keiryo.errors import InputError

    try:
        batches = [int(part) for part in text.split(",")]
    except ValueError:
        batches = [0]
    if min(batches) < 1:
        raise InputError(f"--batch {text}: give batch sizes of at least 1, separated by commas")
    return batches
