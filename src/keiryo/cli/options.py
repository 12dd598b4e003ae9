"""Options that several commands share. None means: not given."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from keiryo.errors import InputError

Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"] | None,
    typer.Option(help="Device to use; auto takes a GPU if there is one.", show_default="auto"),
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Number of processor threads.", show_default="all cores")
]
Seed = Annotated[int | None, typer.Option(min=0, help="Random seed.", show_default="0")]
Out = Annotated[Path, typer.Option(help="Folder to write to; made if it does not exist.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue the interrupted run in --out.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is already in --out.")]
Log = Annotated[
    str | None,
    typer.Option(
        "--log",
        help="Also log to TensorBoard or MLflow: tensorboard, mlflow, or tensorboard,mlflow.",
    ),
]
ForceFile = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def check_is_new(out: Path, *, force: bool) -> None:
    """Raise InputError if the file `out` exists and `force` does not allow to replace it."""
    if out.is_dir() or (out.exists() and not force):
        raise InputError(f"--out {out}: exists; replace it with --force, or name another")
