"""`keiryo data`: what comes before training."""

from pathlib import Path
from typing import Annotated

import typer

from keiryo.cli import options

app = typer.Typer(rich_markup_mode=None, help="Prepare pictures.")


@app.callback(invoke_without_command=True)
def group(context: typer.Context) -> None:
    """Prepare pictures before they are trained on."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def pack(
    data: Annotated[str, typer.Argument(help="The pictures, as for `keiryo compare`.")],
    out: Annotated[Path, typer.Option(help="Folder of the pack.")],
    size: options.Size = None,
    threads: options.Threads = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the pack in --out.")] = False,
) -> None:
    """Decode pictures once into a memory-mapped pack, which every command takes as DATA."""
    from keiryo.cli.progress import shown_progress
    from keiryo.comparison.plan import DATA_DEFAULTS
    from keiryo.data.locate import locate
    from keiryo.data.pack import is_pack, prepare_pack
    from keiryo.errors import InputError
    from keiryo.measure.machine import usable_cores

    if out.exists() and not is_pack(out):
        raise InputError(f"--out {out}: exists and is not a pack; name another folder")
    if out.exists() and not force:
        raise InputError(f"--out {out}: already holds a pack; replace it by --force")
    if is_pack(Path(data)):
        raise InputError(f"{data}: is a pack already")
    with shown_progress() as listener:
        made = prepare_pack(
            locate(data),
            size=size or DATA_DEFAULTS["size"],
            folder=out,
            workers=threads or usable_cores(),
            progress=listener.packing,
        )
    typer.echo(f"{out}: {len(made.header.pictures)} pictures, {len(made.header.classes)} classes")
    for finding in made.header.findings:
        typer.echo(f"{finding.severity}: {finding.evidence}. {finding.advice}", err=True)
