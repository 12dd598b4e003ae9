"""The `keiryo` command: its subcommands, and the exit status of every error."""

import errno
import io
import os
import shutil
import signal
import sys
import textwrap

import typer
from typer.exceptions import Abort, TyperException

from keiryo.cli.parameters.lazy import lazy_group
from keiryo.errors import InputError
from keiryo.processes import environment
from keiryo.version import __version__

EXIT_INPUT = 2
EXIT_INTERRUPTED = 130
# Errors of the folder or the disk that the user named, not of keiryo.
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

# In the order of the help.
COMMANDS = {
    "compare": "keiryo.cli.compare:compare",
    "train": "keiryo.cli.compare:train",
    "weigh": "keiryo.cli.weigh:weigh",
    "bench": "keiryo.cli.bench:bench",
    "export": "keiryo.cli.export:export",
    "predict": "keiryo.cli.predict:predict",
    "serve": "keiryo.cli.serve:serve",
    "errors": "keiryo.cli.trial.worst_errors:errors",
    "diagnose": "keiryo.cli.trial.diagnose:diagnose",
    "models": "keiryo.cli.models:models",
    "doctor": "keiryo.cli.doctor:doctor",
    "report": "keiryo.cli.report:report",
    "data": "keiryo.cli.data:app",
    "study": "keiryo.cli.study:study",
    "wavenet": "keiryo.cli.wavenet.commands:app",
}

app = typer.Typer(
    name="keiryo",
    rich_markup_mode=None,
    cls=lazy_group(COMMANDS),
    help="Compare neural networks on your own images: train several models, measure the accuracy, "
    "latency and size of each, and classify images with the best.",
)


@app.callback(invoke_without_command=True)
def before_commands(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Show the version and exit."),
) -> None:
    """Show the version or the help if no command is given."""
    if version:
        typer.echo(f"keiryo {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line and exit: 0 done, 2 the input's fault, 130 interrupted.

    1 is a fault of keiryo's own, with a traceback, or a comparison of which no training succeeded.
    """
    os.environ.update(environment())  # before any command loads PyTorch
    # A scheduler ends a job by SIGTERM: treat it as Ctrl-C.
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
        message = message.replace("Value error, ", "")  # pydantic's prefix
        _print_error(message)
        return EXIT_INPUT
    except OSError as error:
        if error.errno not in USERS_ERRNOS:
            raise
        # What keiryo writes into files names them.
        place = error.filename or "standard output"
        _print_error(f"{place}: {USERS_ERRNOS[error.errno]}")
        return EXIT_INPUT
    except (KeyboardInterrupt, Abort):
        return EXIT_INTERRUPTED


def _print_error(message: str) -> None:
    """Print an error; a terminal breaks it between words, a file gets it whole."""
    lines = f"keiryo: {message}".splitlines()
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        lines = [
            textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
            for line in lines
        ]
    print("\n".join(lines), file=sys.stderr)
