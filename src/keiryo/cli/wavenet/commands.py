"""`keiryo wavenet`: train on recordings, generate sound, export, measure the speed."""

import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from keiryo.cli import options
from keiryo.cli.lazy import lazy_group, takes_fields

EXIT_FAILED = 2
EXIT_INTERRUPTED = 130

OPTIONS = "keiryo.audio.options:WaveNetOptions"
NETWORK = ("stacks", "layers", "kernel", "residual", "skip", "output")
COMMANDS = ("train", "generate", "export", "bench")

Model = Annotated[
    Path,
    typer.Argument(
        metavar="OUT", help="Folder of a training, its --out, or its model.safetensors."
    ),
]

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="Train WaveNets and generate sound.",
    cls=lazy_group({name: f"{__name__}:{name}" for name in COMMANDS}),
)


@app.callback(invoke_without_command=True)
def group(context: typer.Context) -> None:
    """Train a WaveNet on recordings, generate sound from it, and measure how fast that is."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@takes_fields(OPTIONS, before="out")
def train(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]",
            help="Recordings: a folder of WAV, FLAC or OGG files; a CSV file with the column path "
            "and one for each condition; or the built-in set tones.",
            show_default="tones",
        ),
    ] = None,
    out: options.Out = Path("wavenet"),
    resume: options.Resume = False,
    force: options.Force = False,
    json: options.Json = False,
    **given: Any,
) -> None:
    """Train a WaveNet on recordings; measure it and report."""
    from keiryo import api
    from keiryo.audio.plan import wavenet_folder
    from keiryo.cli.wavenet.progress import show_wavenet_progress
    from keiryo.report import words

    folder = shlex.quote(str(out))
    continue_with = f"keiryo: stopped; continue with: keiryo wavenet train --resume --out {folder}"
    try:
        with show_wavenet_progress() as listener:
            training = api.train_wavenet(
                data,
                out=out,
                resume=resume,
                force=force,
                listener=listener,
                **given,
            )
    except KeyboardInterrupt:  # before the training began, or a second one
        if wavenet_folder(out).has_plan:
            typer.echo(continue_with, err=True)
        raise
    except OSError as error:
        error.filename = error.filename or str(out)
        raise
    if json:
        typer.echo(training.model_dump_json(indent=2))
    elif training.status == "done":
        typer.echo(
            f"{training.val_bits_per_sample:.3f} bits per sample on held-out recordings, "
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
        typer.echo(continue_with, err=True)
        raise typer.Exit(EXIT_INTERRUPTED)


def generate(
    model: Model,
    seconds: Annotated[float, typer.Option(help="Length of the sound in seconds.")] = 1.0,
    condition: Annotated[
        str,
        typer.Option(
            metavar="NAME=VALUE,...",
            help="Value of each condition, such as digit=3,speaker=theo.",
        ),
    ] = "",
    temperature: Annotated[
        float | None,
        typer.Option(
            help="Temperature of the distribution that samples are drawn from: below 1 the "
            "likelier samples prevail, above 1 there is more variety.",
            show_default="1",
        ),
    ] = None,
    top_p: Annotated[
        float,
        typer.Option(
            "--top-p", help="Draw from the likeliest values that together have this probability."
        ),
    ] = 1.0,
    argmax: Annotated[
        bool, typer.Option("--argmax", help="Take the likeliest value each time (temperature 0).")
    ] = False,
    prime: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Recording to continue; it is not repeated."),
    ] = None,
    count: Annotated[int, typer.Option(help="Number of sounds, generated at the same time.")] = 1,
    seed: options.Seed = None,
    weights: Annotated[
        Literal["float32", "int8"],
        typer.Option(help="Type of the weights; int8 is faster, and the sound differs a little."),
    ] = "float32",
    threads: Annotated[
        int,
        typer.Option(
            min=1, help="Number of processor threads; more than one helps only with --count."
        ),
    ] = 1,
    out: Annotated[
        str | None,
        typer.Option(
            help="WAV file to write (numbered, with --count), or - for standard output.",
            show_default="sound.wav",
        ),
    ] = None,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Write 16-bit samples without a WAV header to standard output."),
    ] = False,
    play: Annotated[
        bool,
        typer.Option("--play", help="Play the sound on the sound device instead of writing it."),
    ] = False,
    force: options.Force = False,
) -> None:
    """Generate sound from a trained WaveNet; write it or play it as it is made."""
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


def export(
    model: Model,
    out: Annotated[Path, typer.Option(help="ONNX file to write.")] = Path("wavenet-step.onnx"),
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Export one step of a trained WaveNet to ONNX, its state as input and output; check it."""
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


@takes_fields(OPTIONS, before="rate", only=NETWORK)
def bench(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[OUT]",
            help="Folder of a training, its --out, or its model.safetensors. Without it: random "
            "weights.",
        ),
    ] = None,
    rate: Annotated[
        int | None, typer.Option(help="Sampling rate in Hz.", show_default="16000")
    ] = None,
    streams: Annotated[
        int,
        typer.Option(min=1, help="Number of sounds at the same time; one alone is measured too."),
    ] = 16,
    rounds: Annotated[int, typer.Option(min=1, help="Number of measurements of each way.")] = 5,
    threads: Annotated[int, typer.Option(min=1, help="Number of processor threads.")] = 1,
    json: options.Json = False,
    **given: Any,
) -> None:
    """Measure the speed of generation on this machine: naive, buffered, by the compiled loop."""
    from keiryo.bench.generation import bench_generation
    from keiryo.cli.tables.generation import print_generation_bench

    measured = bench_generation(
        model,
        given,
        rate=rate,
        streams=streams,
        rounds=rounds,
        threads=threads,
    )
    if json:
        typer.echo(measured.model_dump_json(indent=2))
    else:
        print_generation_bench(measured)
