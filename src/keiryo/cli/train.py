"""`keiryo train`: a comparison of one."""

from pathlib import Path
from typing import Annotated

import typer

from keiryo.cli import options
from keiryo.cli.compare import compare


def train(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model; `keiryo models` lists them.")
    ],
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="The images, as for `keiryo compare`.")
    ],
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
    pretrained: options.Pretrained = None,
    fine_tune: options.FineTune = None,
    max_latency_ms: options.MaxLatency = None,
    max_size_mb: options.MaxSize = None,
    max_params: options.MaxParams = None,
    device: options.Device = None,
    threads: options.Threads = None,
    out: options.Out = Path("training"),
    resume: options.Resume = False,
    force: options.Force = False,
    log: options.Log = None,
    json: options.Json = False,
) -> None:
    """Train one model on your images, measure it and report."""
    compare(
        data=data,
        models=model,
        epochs=epochs,
        minutes=minutes,
        size=size,
        fit=fit,
        batch=batch,
        accumulate=accumulate,
        save_memory=save_memory,
        precision=precision,
        seeds=seeds,
        folds=folds,
        seed=seed,
        recipe=recipe,
        learning_rate=learning_rate,
        augment=augment,
        robust=robust,
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
        log=log,
        json=json,
    )
