"""`keiryo data`: checking and packing images before training."""

from pathlib import Path
from typing import Annotated, Any

import typer

from keiryo.cli import options
from keiryo.cli.compare import OPTIONS
from keiryo.cli.parameters.lazy import lazy_group, takes_fields

EXIT_FOUND = 2

Data = Annotated[str, typer.Argument(metavar="DATA", help="Images, as for `keiryo compare`.")]

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="Check and prepare images.",
    cls=lazy_group({"check": f"{__name__}:check", "pack": f"{__name__}:pack"}),
)


@app.callback(invoke_without_command=True)
def group(context: typer.Context) -> None:
    """Show the help if no command is given."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def check(
    data: Data,
    threads: options.Threads = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with status 2 if there is any finding.")
    ] = False,
    html: Annotated[
        bool,
        typer.Option("--html", help="Also show the findings' images on a page, OUT/check.html."),
    ] = False,
    lang: options.Lang = None,
    out: options.Out = Path(),
    force: options.ForceFile = False,
    json: options.Json = False,
) -> None:
    """Find faults in images: unreadable files, copies, leaks between splits, label conflicts."""
    from keiryo.cli.progress import show_progress
    from keiryo.cli.tables.check import print_check
    from keiryo.data.audit.audit import audit
    from keiryo.data.locate import locate
    from keiryo.data.survey.survey import survey
    from keiryo.measure.machine import usable_cores
    from keiryo.records.places import CHECK_FILE

    options.check_has_page(lang, html=html)
    if html:
        options.check_is_new(out / CHECK_FILE, force=force)
    with show_progress() as listener:
        source = locate(data, progress=listener.downloading)
        surveyed = survey(source, workers=threads or usable_cores(), progress=listener.packing)
    found = audit(surveyed)
    if html:
        from keiryo.data.audit.thumbnails import make_source_thumbnails, names_to_show
        from keiryo.report.check_page import write_check_page

        shown = make_source_thumbnails(names_to_show(found.findings), source)
        typer.echo(f"Written: {write_check_page(found, shown, out, lang)}", err=True)
    if json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        print_check(found)
    if strict and found.findings:
        typer.echo(f"keiryo: --strict: {data} has {len(found.findings)} findings", err=True)
        raise typer.Exit(EXIT_FOUND)


@takes_fields(OPTIONS, before="threads", only=("size", "fit"))
def pack(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder of the pack.")],
    threads: options.Threads = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the pack in --out.")] = False,
    **given: Any,
) -> None:
    """Decode images once into a pack, a memory-mapped folder that every command takes as DATA.

    If it is interrupted, the same command continues.
    """
    from keiryo.cli.progress import show_progress
    from keiryo.data.image.fit import DEFAULT_SIZE
    from keiryo.data.locate import locate
    from keiryo.data.packs.pack import is_pack
    from keiryo.data.packs.packing import prepare_pack
    from keiryo.data.sources.storage import was_url
    from keiryo.errors import InputError
    from keiryo.measure.machine import usable_cores

    if was_url(out):
        raise InputError(f"--out {out}: a pack is made on this machine; copy it there afterwards")
    if out.exists() and not is_pack(out):
        raise InputError(f"--out {out}: exists and is not a pack; name another folder")
    if out.exists() and not force:
        raise InputError(f"--out {out}: already holds a pack; replace it with --force")
    if is_pack(data):
        raise InputError(f"{data}: is a pack already")
    try:
        with show_progress() as listener:
            made = prepare_pack(
                locate(data, progress=listener.downloading),
                size=given.get("size", DEFAULT_SIZE),
                fit=given.get("fit", "crop"),
                folder=out,
                workers=threads or usable_cores(),
                progress=listener.packing,
            )
    except KeyboardInterrupt:
        typer.echo("keiryo: stopped; give the same command again to continue", err=True)
        raise
    survey = made.survey
    typer.echo(
        f"{out}: {len(survey.images)} images of {made.header.size} x {made.header.size} by "
        f"--fit {made.header.fit}, {len(survey.classes)} classes"
    )
    if survey.left_out:
        typer.echo(
            f"{len(survey.left_out)} could not be read and were left out; "
            f"`keiryo data check` lists them",
            err=True,
        )
