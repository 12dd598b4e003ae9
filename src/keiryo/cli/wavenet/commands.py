"""`keiryo wavenet`: train on recordings, generate sound, measure how fast."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from keiryo.cli import options
from keiryo.cli.wavenet import options as own

EXIT_FAILED = 2
EXIT_INTERRUPTED = 130

app = typer.Typer(rich_markup_mode=None, help="Train WaveNets and generate sound.")


@app.callback(invoke_without_command=True)
def group(context: typer.Context) -> None:
    """Train a WaveNet on recordings, generate sound from it, and measure how fast that is."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def train(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]",
            help="A folder of WAV, FLAC or OGG files, a CSV with the column path and one for each "
            "condition, or the built-in set: tones.",
            show_default="tones",
        ),
    ] = None,
    condition: own.Condition = None,
    rate: own.Rate = None,
    trim_db: own.TrimDb = None,
    normalize: own.Normalize = False,
    epochs: own.Epochs = None,
    minutes: own.Minutes = None,
    stacks: own.Stacks = None,
    layers: own.Layers = None,
    kernel: own.Kernel = None,
    residual: own.Residual = None,
    skip: own.Skip = None,
    output: own.Output = None,
    no_dilation: own.NoDilation = False,
    batch: own.Batch = None,
    samples: own.Samples = None,
    optimizer: own.Optimizer = None,
    learning_rate: own.LearningRate = None,
    seed: options.Seed = None,
    device: options.Device = None,
    threads: options.Threads = None,
    out: options.Out = Path("wavenet"),
    resume: own.Resume = False,
    force: own.Force = False,
    json: options.Json = False,
) -> None:
    """Train a WaveNet on recordings, and report."""
    from keiryo import api
    from keiryo.audio.plan import has_plan
    from keiryo.cli.wavenet.progress import shown_wavenet_progress
    from keiryo.report import words

    folder = shlex.quote(str(out))
    go_on = f"keiryo: stopped; go on with: keiryo wavenet train --resume --out {folder}"
    try:
        with shown_wavenet_progress() as listener:
            training = api.train_wavenet(
                data,
                condition=condition,
                rate=rate,
                trim_db=trim_db,
                normalize=normalize or None,
                epochs=epochs,
                minutes=minutes,
                stacks=stacks,
                layers=layers,
                kernel=kernel,
                residual=residual,
                skip=skip,
                output=output,
                is_dilated=False if no_dilation else None,
                batch=batch,
                samples=samples,
                optimizer=optimizer,
                learning_rate=learning_rate,
                seed=seed,
                device=device,
                threads=threads,
                out=out,
                resume=resume,
                force=force,
                listener=listener,
            )
    except KeyboardInterrupt:  # before the training began, or a second one
        if has_plan(out):
            typer.echo(go_on, err=True)
        raise
    except OSError as error:
        error.filename = error.filename or str(out)
        raise
    if json:
        typer.echo(training.model_dump_json(indent=2))
    elif training.status == "done":
        typer.echo(
            f"{training.val_bits_per_sample:.3f} bits a sample on held-out recordings, "
            f"{words.size(training.model_bytes)}, {training.real_time_factor or 0.0:.1f} times "
            f"real time\n{out / 'report.html'}"
        )
        chosen = training.sounds[-1].conditions if training.sounds else {}
        told = ",".join(f"{name}={value}" for name, value in chosen.items())
        with_condition = f" --condition {shlex.quote(told)}" if told else ""
        typer.echo(
            f"generate: keiryo wavenet generate {folder}{with_condition} --seconds 2 "
            "--out sound.wav",
            err=True,
        )
    if training.status == "failed":
        typer.echo(f"keiryo: the training failed: {training.error}", err=True)
        raise typer.Exit(EXIT_FAILED)
    if training.status == "stopped":
        typer.echo(go_on, err=True)
        raise typer.Exit(EXIT_INTERRUPTED)


@app.command()
def generate(
    model: own.Model,
    seconds: Annotated[float, typer.Option(help="How long the sound is.")] = 1.0,
    condition: Annotated[
        str,
        typer.Option(
            metavar="NAME=VALUE,...", help="A value for each condition: digit=3,speaker=theo."
        ),
    ] = "",
    temperature: Annotated[
        float | None,
        typer.Option(help="Below 1 more cautious, above it bolder.", show_default="1"),
    ] = None,
    top_p: Annotated[
        float,
        typer.Option("--top-p", help="Draw only among the likeliest, of so much together."),
    ] = 1.0,
    argmax: Annotated[
        bool, typer.Option("--argmax", help="Take the likeliest each time: temperature 0.")
    ] = False,
    prime: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Go on from this recording, which is not repeated."),
    ] = None,
    count: Annotated[int, typer.Option(help="How many sounds, at once.")] = 1,
    seed: options.Seed = None,
    weights: own.Weights = "float32",
    threads: Annotated[int, typer.Option(min=1, help="Processor threads, of --count.")] = 1,
    out: Annotated[
        str | None,
        typer.Option(
            help="A .wav file (with --count, numbered), or - for standard output.",
            show_default="sound.wav",
        ),
    ] = None,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="On standard output, 16-bit samples without a WAV's header."),
    ] = False,
    play: Annotated[
        bool, typer.Option("--play", help="Play it on the sound device, instead of --out.")
    ] = False,
    force: own.Force = False,
) -> None:
    """Generate sound from a trained WaveNet, streamed as it is made."""
    from keiryo.cli.wavenet.sound import write_sound
    from keiryo.errors import InputError

    if argmax and temperature is not None:
        raise InputError("--argmax and --temperature: give one of the two")
    write_sound(
        model,
        seconds=seconds,
        condition=condition,
        temperature=0.0 if argmax else 1.0 if temperature is None else temperature,
        top_p=top_p,
        prime=prime,
        count=count,
        seed=seed or 0,
        weights=weights,
        threads=threads,
        out=out,
        raw=raw,
        play=play,
        force=force,
    )


@app.command()
def export(
    model: own.Model,
    out: Annotated[Path, typer.Option(help="The .onnx file.")] = Path("wavenet-step.onnx"),
    force: own.Force = False,
    json: options.Json = False,
) -> None:
    """Write the step of a trained WaveNet as ONNX, state in and state out, once it is checked."""
    from keiryo.audio.export.onnx import export_step
    from keiryo.audio.saved import load_wavenet
    from keiryo.errors import InputError
    from keiryo.report import words

    if out.suffix.lower() != ".onnx":
        raise InputError(f"--out {out}: give a name that ends in .onnx")
    if out.is_dir() or (out.exists() and not force):
        raise InputError(f"--out {out}: exists; replace it by --force, or name another file")
    network, description = load_wavenet(model)
    try:
        exported = export_step(out, network, description)
    except FloatingPointError as error:
        raise InputError(f"{model}: cannot be exported: {error}") from None
    if json:
        typer.echo(exported.model_dump_json(indent=2))
    else:
        typer.echo(
            f"{out}: {words.size(exported.size_bytes)}; in ONNX Runtime, outputs of "
            f"{exported.checked_steps:,} steps differ by {exported.largest_difference:.1g}; "
            f"{exported.samples_per_second:,.0f} steps/s on one thread, "
            f"{exported.real_time_factor:.2f} times real time"
        )


@app.command()
def bench(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[OUT]",
            help="The --out of a training, or a model.safetensors; without it, random weights.",
        ),
    ] = None,
    rate: own.Rate = None,
    stacks: own.Stacks = None,
    layers: own.Layers = None,
    kernel: own.Kernel = None,
    residual: own.Residual = None,
    skip: own.Skip = None,
    output: own.Output = None,
    streams: Annotated[int, typer.Option(min=1, help="Sounds at once, besides one.")] = 16,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is measured.")] = 5,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads.")] = 1,
    json: options.Json = False,
) -> None:
    """Measure how fast sound is generated here: naively, with buffers, and by the compiled loop."""
    from keiryo.bench.generation import bench_generation
    from keiryo.cli.tables.generation import print_generation_bench

    size = {
        "stacks": stacks,
        "layers": layers,
        "kernel": kernel,
        "residual": residual,
        "skip": skip,
        "output": output,
    }
    measured = bench_generation(
        model,
        {key: value for key, value in size.items() if value is not None},
        rate=rate,
        streams=streams,
        rounds=rounds,
        threads=threads,
    )
    if json:
        typer.echo(measured.model_dump_json(indent=2))
    else:
        print_generation_bench(measured)
