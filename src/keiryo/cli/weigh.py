"""`keiryo weigh`: the cost of models before any training."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keiryo.cli import options
from keiryo.cli.parameters.completion import complete_models

if TYPE_CHECKING:
    from keiryo.cost.inputs import Sizes
    from keiryo.records.costs import DeviceProfile

DEFAULT_INPUT = "3x224x224"
IMAGE_AXES = 3
DEFAULT_CLASSES = 1000  # those of ImageNet, for which papers give their figures


def read_classes(text: str | int) -> int | None:
    """Read a number of classes, or none; raise BadParameter for anything else."""
    if text == "none":
        return None
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise typer.BadParameter(f"'{text}' is neither a whole number from 1 on nor none.")
    return number


def weigh(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL",
            help="A model of `keiryo models`, wavenet, or FILE.py:FACTORY.",
            autocompletion=complete_models,
        ),
    ],
    input: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]CxHxW[:FORMAT]",
            help="Shape of one example, without the batch; 128:int64 for 128 token numbers. A "
            "model with several inputs takes the option once for each. NAME gives a keyword, and "
            "batch.image a key of a dictionary.",
            show_default=DEFAULT_INPUT,
        ),
    ] = None,
    classes: Annotated[
        int | None,
        typer.Option(
            metavar="N|none",
            parser=read_classes,
            help="Number of classes; none for a network without a classifier, or one of your own "
            "as it is.",
        ),
    ] = DEFAULT_CLASSES,
    batch: Annotated[int, typer.Option(min=1, help="Number of examples at once.")] = 1,
    dtype: Annotated[
        str,
        typer.Option(
            metavar="FORMAT",
            help="Floating-point format in which sizes in bytes are given, such as bfloat16.",
        ),
    ] = "float32",
    training: Annotated[
        bool,
        typer.Option(
            "--training",
            help="Also weigh a step of training: the backward pass and what is kept for it.",
        ),
    ] = False,
    layers: Annotated[bool, typer.Option("--layers", help="Also show each layer.")] = False,
    depth: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Show modules down to this depth, with the sums of their layers.",
            show_default="the layers",
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Show this number of layers alone, those with the most multiply-accumulates.",
            show_default="all",
        ),
    ] = None,
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
    lang: options.Lang = None,
    out: options.Out = Path(),
    force: options.ForceFile = False,
    json: options.Json = False,
) -> None:
    """Count the cost of models: parameters, multiply-accumulates, memory, receptive field."""
    from keiryo.cli.live.terminal import show_working

    with show_working("loading PyTorch"):
        from keiryo.bench.weighed_names import WaveNetSpec, read_model
        from keiryo.bench.weighing import weigh_model, with_measured_times
        from keiryo.models.spec import ModelSpec, fit_to_size
    from keiryo.cli.tables.weighing import print_layers, print_weighings
    from keiryo.cost.refusals import InputShapeError
    from keiryo.cost.roofline import with_predicted_times
    from keiryo.cost.selection import down_to, heaviest
    from keiryo.errors import InputError
    from keiryo.records.costs import WEIGHING_FILE

    options.check_has_page(lang, html=html)
    if html:
        options.check_is_new(out / WEIGHING_FILE, force=force)
    given = None if input is None else [_sizes(text) for text in input]
    profile = None if device_profile is None else _profile(device_profile)
    weighings = []
    for model in models:
        spec = read_model(model)
        usual = spec.inputs if isinstance(spec, WaveNetSpec) else [DEFAULT_INPUT]
        inputs = given or [_sizes(text) for text in usual]
        if isinstance(spec, ModelSpec) and len(inputs[0].sizes) == IMAGE_AXES:
            # As in a comparison of such images.
            spec = fit_to_size(spec, inputs[0].sizes[-1])
        try:
            weighing = weigh_model(
                spec, inputs, classes=classes, batch=batch, dtype=dtype, training=training
            )
        except InputShapeError as error:
            raise InputError(f"--input {' --input '.join(input or usual)}: {error}") from None
        if profile is not None:
            weighing = with_predicted_times(weighing, profile)
        if measure:
            weighing = with_measured_times(weighing, spec, inputs, threads=threads, batch=batch)
        weighings.append(weighing)
    if html:
        from keiryo.report.weighing_page import write_weighing_page

        typer.echo(f"Written: {write_weighing_page(weighings, profile, out, lang)}", err=True)
    if json:
        document = [weighing.model_dump(mode="json") for weighing in weighings]
        typer.echo(json_format.dumps(document, ensure_ascii=False, indent=2))
        return
    if layers or depth is not None or top is not None:
        for weighing in weighings:
            shown = weighing if depth is None else down_to(weighing, depth)
            print_layers(shown if top is None else heaviest(shown, top), sums_of=weighing)
    print_weighings(weighings)


def _sizes(text: str) -> "Sizes":
    from keiryo.cost.inputs import read_sizes
    from keiryo.errors import InputError

    try:
        return read_sizes(text)
    except InputError as error:
        reason = str(error).removeprefix(f"input {text!r}: ")
        raise InputError(f"--input {text}: {reason}") from None


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
