"""Options that several commands share. None means: not given."""

from pathlib import Path
from typing import Annotated

import typer

Device = Annotated[
    str | None, typer.Option(help="Device: auto, cpu, cuda or mps.", show_default="auto")
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Number of processor threads.", show_default="all cores")
]
Seed = Annotated[int | None, typer.Option(min=0, help="Random seed.", show_default="0")]
Out = Annotated[Path, typer.Option(help="Folder to write to.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue the run in --out.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is in --out.")]
Log = Annotated[
    str | None,
    typer.Option(
        "--log",
        help="Also log to TensorBoard or MLflow: tensorboard, mlflow, or tensorboard,mlflow.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
