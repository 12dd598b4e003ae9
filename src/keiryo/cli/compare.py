"""`keiryo compare`, and `keiryo train`: a comparison of one model."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keiryo.cli import options
from keiryo.cli.parameters.completion import complete_models, looks_like_model
from keiryo.cli.parameters.lazy import takes_fields
from keiryo.errors import InputError

if TYPE_CHECKING:
    from keiryo.comparison.beforehand.preview_record import Preview

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
WHAT = "What to compare"  # a section of the help
OPTIONS = "keiryo.comparison.options:ComparisonOptions"
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Print the plan (data, candidates, costs, time, memory, disk); train nothing.",
        rich_help_panel=options.RUN,
    ),
]


@takes_fields(OPTIONS, before="out", config=True)
def compare(
    data: Annotated[
        str | None,
        typer.Argument(
            help="Images: a folder CLASS/*.jpg, or one with train/ and val/ of such folders; a CSV "
            "file with the columns path,label[,split]; a pack of `keiryo data pack`; tar shards; "
            "or a set by name: petals, digits (both built in), tf_flowers, flowers102, cifar10, "
            "imagenette (downloaded). Without it, a short demonstration on petals.",
            metavar="DATA",
        ),
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(
            help="Models to compare, separated by commas; `keiryo models` lists them.",
            show_default="mobilenet_v2:width=0.5, mobilenet_v1:width=0.5, mobilenet_v3_small, "
            "resnet18:width=0.5",
            autocompletion=complete_models,
            rich_help_panel=WHAT,
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Named set of options. course: MobileNetV2 and VGG16, 40 epochs each, with the "
            "recipes reported and keiryo (see --recipe).",
            rich_help_panel=WHAT,
        ),
    ] = None,
    out: options.Out = Path("comparison"),
    resume: options.Resume = False,
    measure_again: Annotated[
        bool,
        typer.Option(
            "--measure-again",
            help="With --resume: measure all latencies again.",
            rich_help_panel=options.RUN,
        ),
    ] = False,
    force: options.Force = False,
    dry_run: DryRun = False,
    log: options.Log = None,
    json: options.Json = False,
    **given: Any,
) -> None:
    """Train several models on your images; measure and rank them, and write a report.

    A fifth of the images is held out to measure accuracy, unless DATA has a split of its own.
    --out receives report.html, results.json, and each trained model in a folder trials/NAME.
    """
    from keiryo.cli.progress import show_progress

    if dry_run and resume:
        raise InputError("--dry-run: shows the plan of a new comparison; leave --resume out")
    try:
        with show_progress() as listener:
            listener.working("loading PyTorch")
            from keiryo import api
            from keiryo.models.spec import parse_specs

            named = None if models is None else [str(spec) for spec in parse_specs(models)]
            if dry_run:
                preview = api.preview(
                    data, named, preset=preset, out=out, listener=listener, **given
                )
                listener.clear_bar()
                _print_preview(preview, json=json)
                return
            comparison = api.compare(
                data,
                named,
                preset=preset,
                out=out,
                resume=resume,
                measure_again=measure_again,
                force=force,
                listener=listener,
                log=log,
                **given,
            )
    except OSError as error:
        error.filename = error.filename or str(out)
        raise
    from keiryo.cli.tables.comparison import print_table

    if json:
        typer.echo(comparison.model_dump_json(indent=2))
    else:
        print_table(comparison, out)
    if not comparison.complete:
        message = (
            f"keiryo: stopped; continue with: keiryo compare --resume --out {shlex.quote(str(out))}"
        )
        typer.echo(message, err=True)
        raise typer.Exit(EXIT_INTERRUPTED)
    if comparison.has_failed:
        logs = shlex.quote(str(out / "trials"))
        typer.echo(
            "keiryo: no training succeeded, so nothing can be recommended; the reasons stand above "
            f"and in {logs}/*/log.txt",
            err=True,
        )
        raise typer.Exit(EXIT_FAILED)


def _print_preview(preview: "Preview", *, json: bool) -> None:
    if json:
        typer.echo(preview.model_dump_json(indent=2))
        return
    from keiryo.cli.tables.preview import print_preview

    print_preview(preview)


@takes_fields(OPTIONS, before="out", without=("stop_early",), config=True)
def train(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Model to train; `keiryo models` lists them.",
            autocompletion=complete_models,
        ),
    ],
    data: Annotated[str, typer.Argument(metavar="DATA", help="Images, as for `keiryo compare`.")],
    out: options.Out = Path("training"),
    resume: options.Resume = False,
    force: options.Force = False,
    dry_run: DryRun = False,
    log: options.Log = None,
    json: options.Json = False,
    **given: Any,
) -> None:
    """Train one model on your images; measure it, and write a report.

    A fifth of the images is held out to measure accuracy, unless DATA has a split of its own.
    --out receives report.html, results.json, and the trained model in a folder trials/NAME.
    """
    if looks_like_model(data) and not looks_like_model(model):
        raise InputError(
            f"{model}: is no model; did you mean: keiryo train {shlex.quote(data)} "
            f"{shlex.quote(model)}"
        )
    if Path(model).exists() and not looks_like_model(model):
        raise InputError(f"{model}: is no model; the order is: keiryo train MODEL DATA")
    compare(
        data,
        model,
        out=out,
        resume=resume,
        force=force,
        dry_run=dry_run,
        log=log,
        json=json,
        **given,
    )
