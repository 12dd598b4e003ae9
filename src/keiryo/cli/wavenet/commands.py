"""`keiryo wavenet`: train on recordings, generate sound, export, measure the speed."""

import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from keiryo.cli import options
from keiryo.cli.parameters.lazy import lazy_group, takes_fields

EXIT_FAILED = 2
EXIT_INTERRUPTED = 130

OPTIONS = "keiryo.audio.options:WaveNetOptions"
NETWORK = ("stacks", "layers", "kernel", "residual", "skip", "output")
COMMANDS = ("train", "generate", "export", "bench")

Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="Folder of a training (its --out), or its model.safetensors."
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
    """Show the help if no command is given."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@takes_fields(OPTIONS, before="out", config=True)
def train(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="Recordings: a folder of WAV, FLAC, OGG, MP3 or other sound files, which may have "
            "folders train/ and val/; a CSV file with a column path, a column for each condition "
            "and perhaps a column split; LJSpeech's metadata.csv; or tones, a built-in set.",
            show_default="tones",
        ),
    ] = None,
    out: options.Out = Path("wavenet"),
    resume: options.Resume = False,
    force: options.Force = False,
    json: options.Json = False,
    **given: Any,
) -> None:
    """Train a WaveNet on recordings; measure it, and write a report.

    A fifth of the recordings is held out to measure the loss, unless they are split already.
    --out receives report.html, results.json, model.safetensors, and sounds generated during the
    training in samples/. --resume with more --epochs or --minutes continues a training that has
    ended, at the learning rate that the schedule of the longer training has there.
    """
    from keiryo.cli.wavenet.progress import show_wavenet_progress
    from keiryo.report import words

    folder = shlex.quote(str(out))
    continue_with = f"keiryo: stopped; continue with: keiryo wavenet train --resume --out {folder}"
    try:
        with show_wavenet_progress() as listener:
            listener.working("loading PyTorch")
            from keiryo import api

            training = api.train_wavenet(
                data,
                out=out,
                resume=resume,
                force=force,
                listener=listener,
                **given,
            )
    except KeyboardInterrupt:  # before the training began, or a second one
        from keiryo.audio.plan import wavenet_folder

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
            f"{training.val_bits_per_sample:.3f} bits per sample on held-out recordings (less is "
            f"better; guessing: {training.guessing_bits_per_sample:.3f}); "
            f"{words.size(training.model_bytes)}; generates at "
            f"{training.real_time_factor or 0.0:.1f} times real time\n"
            f"Report: {out / 'report.html'}"
        )
        from keiryo.recordings.conditions import written_conditions

        told = written_conditions(training.data.trained_conditions)
        with_condition = f" --condition {shlex.quote(told)}" if told else ""
        typer.echo(
            f"Use it: keiryo wavenet generate {folder}{with_condition} --seconds 2 --out sound.wav",
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
            help="Value of each condition that the model was trained with, such as "
            "digit=3,speaker=theo.",
        ),
    ] = "",
    temperature: Annotated[
        float | None,
        typer.Option(
            help="Temperature of the distribution that samples are drawn from: below 1 favours "
            "the likelier values, above 1 gives more variety.",
            show_default="1",
        ),
    ] = None,
    top_p: Annotated[
        float,
        typer.Option(
            "--top-p",
            help="Draw only from the likeliest values that together have this probability.",
        ),
    ] = 1.0,
    argmax: Annotated[
        bool, typer.Option("--argmax", help="Always take the likeliest value (temperature 0).")
    ] = False,
    prime: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Recording to continue; the output leaves it out."),
    ] = None,
    count: Annotated[int, typer.Option(help="Number of sounds, generated at the same time.")] = 1,
    seed: options.Seed = None,
    weights: Annotated[
        Literal["float32", "int8"],
        typer.Option(help="Type of the weights; int8 is faster and changes the sound a little."),
    ] = "float32",
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        typer.Option(
            help="Device to generate on; auto takes a GPU if there is one. A GPU pays for many "
            "sounds at once, with --count."
        ),
    ] = "cpu",
    threads: Annotated[
        int,
        typer.Option(
            min=1, help="Number of processor threads; more than one helps only with --count."
        ),
    ] = 1,
    out: Annotated[
        str | None,
        typer.Option(
            help="WAV file to write while the sound is made, or - for standard output. With "
            "--count, files get numbers: sound_1.wav, sound_2.wav, ...",
            show_default="sound.wav",
        ),
    ] = None,
    raw: Annotated[
        bool,
        typer.Option(
            "--raw", help="16-bit samples without a WAV header; --out is - or ends in .raw."
        ),
    ] = False,
    play: Annotated[
        bool,
        typer.Option("--play", help="Play the sound on the sound device instead of writing it."),
    ] = False,
    force: options.ForceFile = False,
) -> None:
    """Generate sound from a trained WaveNet; write it to a file or play it."""
    from keiryo.cli.live.terminal import show_working
    from keiryo.errors import InputError

    with show_working("loading PyTorch"):
        from keiryo.cli.wavenet.sound import write_sound

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
        device=device,
        threads=threads,
        out=out,
        raw=raw,
        play=play,
        force=force,
    )


def export(
    model: Model,
    out: Annotated[Path, typer.Option(help="ONNX file to write.")] = Path("wavenet-step.onnx"),
    force: options.ForceFile = False,
    json: options.Json = False,
) -> None:
    """Export one generation step of a trained WaveNet to ONNX, and check it against PyTorch.

    The exported step takes the state of the network as inputs and returns the next state.
    """
    from keiryo.audio.export.onnx import export_step
    from keiryo.audio.saved import load_wavenet
    from keiryo.errors import InputError
    from keiryo.report import words

    if out.suffix.lower() != ".onnx":
        raise InputError(f"--out {out}: give a name that ends in .onnx")
    options.check_is_new(out, force=force)
    network, description = load_wavenet(model)
    try:
        exported = export_step(out, network, description)
    except FloatingPointError as error:
        raise InputError(f"{model}: cannot be exported: {error}") from None
    if json:
        typer.echo(exported.model_dump_json(indent=2))
    else:
        typer.echo(
            f"{out}: {words.size(exported.size_bytes)}. In ONNX Runtime, the outputs of "
            f"{exported.checked_steps:,} steps differ from PyTorch's by at most "
            f"{exported.largest_difference:.1g}; {exported.samples_per_second:,.0f} steps/s on one "
            f"thread, {exported.real_time_factor:.2f} times real time"
        )


@takes_fields(OPTIONS, before="rate", only=NETWORK)
def bench(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="MODEL",
            help="Folder of a training (its --out), or its model.safetensors. Without it: random "
            "weights.",
        ),
    ] = None,
    rate: Annotated[
        int | None, typer.Option(help="Sampling rate in Hz.", show_default="16000")
    ] = None,
    streams: Annotated[
        int,
        typer.Option(min=1, help="Number of sounds generated at once, besides a single one."),
    ] = 16,
    rounds: Annotated[int, typer.Option(min=1, help="Number of times that each is measured.")] = 5,
    wait_for_quiet: options.WaitForQuiet = 10.0,
    threads: Annotated[int, typer.Option(min=1, help="Number of processor threads.")] = 1,
    json: options.Json = False,
    **given: Any,
) -> None:
    """Measure the speed of generation on this machine: naive, buffered, and in the compiled loop.

    The options from --stacks to --rate are only for random weights.
    """
    from keiryo.bench.generation import bench_generation
    from keiryo.cli.tables.generation import print_generation_bench

    measured = bench_generation(
        model,
        given,
        rate=rate,
        streams=streams,
        rounds=rounds,
        threads=threads,
        wait=wait_for_quiet,
    )
    if json:
        typer.echo(measured.model_dump_json(indent=2))
    else:
        print_generation_bench(measured)
