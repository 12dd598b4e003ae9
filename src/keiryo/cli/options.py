"""Options that several commands share. None means: not given."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from keiryo.errors import InputError

EXAMPLE_SHAPE = "3x224x224"

RUN = "This run"  # a section of the help

Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"] | None,
    typer.Option(help="Device to use; auto takes a GPU if there is one.", show_default="auto"),
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Number of processor threads.", show_default="all cores")
]
Seed = Annotated[int | None, typer.Option(min=0, help="Random seed.", show_default="0")]
Out = Annotated[
    Path, typer.Option(help="Folder to write to; made if it does not exist.", rich_help_panel=RUN)
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Continue the interrupted run in --out.", rich_help_panel=RUN),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace what is already in --out.", rich_help_panel=RUN)
]
Log = Annotated[
    str | None,
    typer.Option(
        "--log",
        help="Also log to TensorBoard or MLflow: tensorboard, mlflow, or tensorboard,mlflow.",
        rich_help_panel=RUN,
    ),
]
WaitForQuiet = Annotated[
    float,
    typer.Option(
        min=0, help="Seconds to wait at most until other processes take little processor time."
    ),
]
ForceFile = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]
Lang = Annotated[
    Literal["en", "ja"] | None,
    typer.Option(
        "--lang", help="Language of the page: en or ja.", show_default="that of the locale"
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print JSON instead of text.", rich_help_panel=RUN)
]


def check_has_page(lang: str | None, *, html: bool) -> None:
    """Raise InputError if `--lang` is given without the page that it is for."""
    if lang is not None and not html:
        raise InputError(f"--lang {lang}: is the language of the page alone; add --html")


def check_is_new(out: Path, *, force: bool) -> None:
    """Raise InputError if the file `out` exists and `force` does not allow to replace it."""
    if out.is_dir() or (out.exists() and not force):
        raise InputError(f"--out {out}: exists; replace it with --force, or name another")


def parse_shape(text: str) -> tuple[int, ...]:
    """Return the shape that `--input` gives, such as 3x224x224; raise InputError for another."""
    try:
        shape = tuple(int(size) for size in text.lower().replace("×", "x").split("x"))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise InputError(
            f"--input {text}: give the sizes of one example joined by x, for example "
            f"{EXAMPLE_SHAPE} (channels, height, width)"
        )
    return shape
