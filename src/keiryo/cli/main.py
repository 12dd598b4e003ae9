"""The `keiryo` command: its subcommands, and how every error ends."""

import errno
import io
import signal
import sys

import typer
from typer.exceptions import Abort, TyperException

from keiryo.cli import bench, compare, data, diagnose, doctor, models, predict, report, train, weigh
from keiryo.cli.wavenet import commands as wavenet
from keiryo.errors import InputError
from keiryo.version import __version__

EXIT_INPUT = 2
EXIT_INTERRUPTED = 130
# Faults of the folder or the disk that the user named, not of keiryo.
USERS_ERRNOS = {
    errno.ENOSPC: "no space left on its disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EEXIST: "a file, not a folder",
    errno.ENAMETOOLONG: "the name is too long",
}

app = typer.Typer(
    name="keiryo",
    add_completion=False,
    rich_markup_mode=None,
    help="Weigh neural networks before they ship: train candidates side by side on your own "
    "images, measure what each costs and how well it does, and take the winner away.",
)
app.command()(compare.compare)
app.command()(train.train)
app.command()(weigh.weigh)
app.command()(bench.bench)
app.command()(predict.predict)
app.command()(diagnose.diagnose)
app.command()(models.models)
app.command()(doctor.doctor)
app.command()(report.report)
app.add_typer(data.app, name="data")
app.add_typer(wavenet.app, name="wavenet")


@app.callback(invoke_without_command=True)
def before_commands(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Say the version and exit."),
) -> None:
    """Act on the options that stand before any command."""
    if version:
        typer.echo(f"keiryo {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line and exit: 0 done, 2 the input's fault, 130 interrupted."""
    # A scheduler's request to end is heeded as a user's is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding does not have must not end the program.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_run())


def _run() -> int:
    try:
        return app(standalone_mode=False) or 0
    except (InputError, TyperException) as error:
        message = error.format_message() if isinstance(error, TyperException) else str(error)
        print(f"keiryo: {message}", file=sys.stderr)
        return EXIT_INPUT
    except OSError as error:
        if error.errno not in USERS_ERRNOS:
            raise
        place = error.filename or "--out"
        print(f"keiryo: {place}: {USERS_ERRNOS[error.errno]}", file=sys.stderr)
        return EXIT_INPUT
    except (KeyboardInterrupt, Abort):
        return EXIT_INTERRUPTED
