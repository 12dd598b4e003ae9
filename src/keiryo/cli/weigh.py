"""`keiryo weigh`: the cost of models before any training."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keiryo.cli import options
from keiryo.cli.parameters.completion import complete_models

if TYPE_CHECKING:
    from keiryo.records.costs import DeviceProfile

DEFAULT_INPUT = "3x224x224"
DEFAULT_CLASSES = 1000  # those of ImageNet, for which papers give their figures


def weigh(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL",
            help="A model of `keiryo models`, or FILE.py:FACTORY.",
            autocompletion=complete_models,
        ),
    ],
    input: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CxHxW",
            help="Shape of one example, without the batch. A model with several inputs takes the "
            "option once for each.",
            show_default=DEFAULT_INPUT,
        ),
    ] = None,
    classes: Annotated[int, typer.Option(min=1, help="Number of classes.")] = DEFAULT_CLASSES,
    layers: Annotated[bool, typer.Option("--layers", help="Also show each layer.")] = False,
    device_profile: Annotated[
        Path | None,
        typer.Option(
            help="Profile of a machine, written by `keiryo doctor --measure`. It adds the shortest "
            "time that each layer can take on that machine, and what limits it."
        ),
    ] = None,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Also measure the time of each layer on this processor."),
    ] = False,
    threads: options.Threads = None,
    html: Annotated[
        bool, typer.Option("--html", help="Also draw the networks on a page, OUT/weigh.html.")
    ] = False,
    out: options.Out = Path(),
    force: options.ForceFile = False,
    json: options.Json = False,
) -> None:
    """Count the cost of models: parameters, multiply-accumulates, memory, receptive field."""
    from keiryo.bench.weighing import weigh_model, with_measured_times
    from keiryo.cli.tables.weighing import print_layers, print_weighings
    from keiryo.cost.inputs import InputShapeError
    from keiryo.cost.roofline import with_predicted_times
    from keiryo.errors import InputError
    from keiryo.models.spec import parse_spec
    from keiryo.records.costs import WEIGHING_FILE

    if html:
        options.check_is_new(out / WEIGHING_FILE, force=force)
    shapes = [_shape(text) for text in input or [DEFAULT_INPUT]]
    profile = None if device_profile is None else _profile(device_profile)
    weighings = []
    for model in models:
        spec = parse_spec(model)
        try:
            weighing = weigh_model(spec, shapes, classes=classes)
        except InputShapeError as error:
            raise InputError(
                f"--input {' --input '.join(input or [DEFAULT_INPUT])}: {error}"
            ) from None
        if profile is not None:
            weighing = with_predicted_times(weighing, profile)
        if measure:
            weighing = with_measured_times(weighing, spec, shapes, threads=threads)
        weighings.append(weighing)
    if html:
        from keiryo.report.weighing_page import write_weighing_page

        typer.echo(f"Written: {write_weighing_page(weighings, profile, out)}", err=True)
    if json:
        document = [weighing.model_dump(mode="json") for weighing in weighings]
        typer.echo(json_format.dumps(document, ensure_ascii=False, indent=2))
        return
    if layers:
        for weighing in weighings:
            print_layers(weighing)
    print_weighings(weighings)


def _shape(text: str) -> tuple[int, ...]:
    from keiryo.errors import InputError

    try:
        shape = tuple(int(size) for size in text.lower().replace("×", "x").split("x"))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise InputError(
            f"--input {text}: give the sizes of one example joined by x, for example "
            f"{DEFAULT_INPUT} (channels, height, width)"
        )
    return shape


def _profile(path: Path) -> "DeviceProfile":
    from pydantic import ValidationError

    from keiryo.errors import InputError
    from keiryo.records.costs import DeviceProfile

    try:
        return DeviceProfile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(
            f"--device-profile {path}: no such file; `keiryo doctor --measure` writes one"
        ) from None
    except IsADirectoryError:
        raise InputError(f"--device-profile {path}: is a folder; name the file in it") from None
    except ValidationError:
        raise InputError(
            f"--device-profile {path}: not a profile; `keiryo doctor --measure` writes one"
        ) from None
