"""`keiryo compare`: the main job."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from keiryo.cli import options

EXIT_INTERRUPTED = 130


def compare(
    data: Annotated[
        str | None,
        typer.Argument(
            help="A folder CLASS/*.jpg, one with train/ and val/ of such folders, a CSV with "
            "path,label[,split], a pack, or a built-in set: petals, digits. "
            "Without it, a short demonstration on petals."
        ),
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(
            help="Candidates, separated by commas; `keiryo models` lists them.",
            show_default="mobilenet_v2:width=0.5,vgg16,resnet18,mobilenet_v1:width=0.5",
        ),
    ] = None,
    preset: options.Preset = None,
    epochs: options.Epochs = None,
    minutes: options.Minutes = None,
    size: options.Size = None,
    fit: options.Fitting = None,
    batch: options.Batch = None,
    accumulate: options.Accumulate = None,
    save_memory: options.SaveMemory = False,
    precision: options.Precision = None,
    seeds: options.Seeds = None,
    folds: options.Folds = None,
    seed: options.Seed = None,
    recipe: options.Recipe = None,
    learning_rate: options.LearningRate = None,
    augment: options.Augment = None,
    robust: options.Robust = False,
    stop_early: options.StopEarly = False,
    pretrained: options.Pretrained = None,
    fine_tune: options.FineTune = None,
    max_latency_ms: options.MaxLatency = None,
    max_size_mb: options.MaxSize = None,
    max_params: options.MaxParams = None,
    device: options.Device = None,
    threads: options.Threads = None,
    out: options.Out = Path("comparison"),
    resume: options.Resume = False,
    force: options.Force = False,
    log: options.Log = None,
    json: options.Json = False,
) -> None:
    """Train candidates side by side on your images, measure, rank and report."""
    from keiryo import api
    from keiryo.cli.progress import shown_progress
    from keiryo.cli.tables.comparison import print_table
    from keiryo.models.spec import parse_specs

    try:
        with shown_progress() as listener:
            comparison = api.compare(
                data,
                None if models is None else [str(spec) for spec in parse_specs(models)],
                preset=preset,
                epochs=epochs,
                minutes=minutes,
                size=size,
                fit=fit,
                batch=batch,
                accumulate=accumulate,
                save_memory=save_memory or None,
                precision=precision,
                seeds=seeds,
                folds=folds,
                seed=seed,
                recipe=recipe,
                learning_rate=learning_rate,
                augment=augment,
                robust=robust or None,
                stop_early=stop_early or None,
                pretrained=pretrained,
                fine_tune=fine_tune,
                max_latency_ms=max_latency_ms,
                max_size_mb=max_size_mb,
                max_params=max_params,
                device=device,
                threads=threads,
                out=out,
                resume=resume,
                force=force,
                listener=listener,
                log=log,
            )
    except OSError as error:
        error.filename = error.filename or str(out)
        raise
    if json:
        typer.echo(comparison.model_dump_json(indent=2))
    else:
        print_table(comparison, out)
    if not comparison.complete:
        message = (
            f"keiryo: stopped; go on with: keiryo compare --resume --out {shlex.quote(str(out))}"
        )
        typer.echo(message, err=True)
        raise typer.Exit(EXIT_INTERRUPTED)
