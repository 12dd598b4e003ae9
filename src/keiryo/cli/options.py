"""Options that several commands share. None means: not given."""

from pathlib import Path
from typing import Annotated

import typer

Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.", show_default="auto")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Processor threads.", show_default="all cores")
]
Seed = Annotated[int | None, typer.Option(min=0, help="Random seed.", show_default="0")]
Out = Annotated[Path, typer.Option(help="Folder for everything that is written.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue what was begun in --out.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is in --out.")]
Log = Annotated[
    str | None,
    typer.Option("--log", help="Log each trial to tensorboard, mlflow, or both with a comma."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]
