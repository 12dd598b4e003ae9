"""`keiryo report`: the report, written again from the results; several comparisons together."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from keiryo.cli import options
from keiryo.errors import InputError

if TYPE_CHECKING:
    from keiryo.records.comparison import Comparison

Form = Literal["html", "md", "csv", "latex"]


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="OUT...",
            help="The --out of a comparison or of a WaveNet's training. Of several comparisons, "
            "what changed from one to the next is shown.",
        ),
    ],
    form: Annotated[
        Form,
        typer.Option(
            "--format",
            help="html writes report.html; md report.md, with the curves as images; latex "
            "report.tex; csv results.csv. Of several comparisons, md, latex and csv are printed.",
        ),
    ] = "html",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Of several comparisons: folder to write changes.html to."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="With --out: replace the page in its folder.")
    ] = False,
    lang: options.Lang = None,
    json: options.Json = False,
) -> None:
    """Write report.html again, or show what changed between several comparisons."""
    if lang is not None and (form != "html" or (len(folders) > 1 and out is None)):
        raise InputError(f"--lang {lang}: for a page alone; leave it out")
    if len(folders) > 1:
        _show_changes(folders, form, out, lang, json=json, force=force)
        return
    if out is not None:
        raise InputError(f"--out {out}: only for several comparisons; leave it out")
    if force:
        raise InputError("--force: only with --out; leave it out")
    from keiryo.cli.live.terminal import show_working

    with show_working("writing the report"):
        path = _write_again(folders[0], form, lang)
    if json:
        typer.echo(json_format.dumps({"report": str(path)}, ensure_ascii=False, indent=2))
    else:
        typer.echo(path)


def _show_changes(
    folders: list[Path],
    form: Form,
    out: Path | None,
    lang: str | None,
    *,
    json: bool,
    force: bool,
) -> None:
    from keiryo.comparison.decision.changes import compare_runs
    from keiryo.records.places import CHANGES_FILE

    if json and form != "html":
        raise InputError(f"--json and --format {form}: give one of the two")
    if force and out is None:
        raise InputError("--force: only with --out; add it, or leave this out")
    if out is not None and form != "html":
        raise InputError(f"--out {out} and --format {form}: this form is printed; leave --out out")
    if out is not None and (out / CHANGES_FILE).exists() and not force:
        raise InputError(f"--out {out}: holds {CHANGES_FILE}; replace it with --force")
    resolved = [folder.resolve() for folder in folders]
    for place, folder in enumerate(resolved):
        if folder in resolved[:place]:
            raise InputError(f"{folders[place]}: is named twice; name each comparison once")
    changes = compare_runs(folders)
    if out is not None:
        from keiryo.report.several_page import write_changes_page

        typer.echo(write_changes_page(changes, out, lang), err=True)
    if json:
        typer.echo(changes.model_dump_json(indent=2))
    elif form == "html":
        from keiryo.cli.tables.changes import print_changes

        print_changes(changes)
    else:
        from keiryo.report.forms import several

        write = {
            "md": several.changes_as_markdown,
            "latex": several.changes_as_latex,
            "csv": several.changes_as_csv,
        }[form]
        typer.echo(write(changes), nl=False)


def _write_again(folder: Path, form: Form, lang: str | None) -> Path:
    from pydantic import ValidationError

    from keiryo.records.comparison import Comparison
    from keiryo.records.places import RESULTS_FILE
    from keiryo.records.wavenet import WaveNetTraining
    from keiryo.report.page import write_report
    from keiryo.report.wavenet_page import write_wavenet_report

    try:
        results = json_format.loads((folder / RESULTS_FILE).read_bytes())
        if isinstance(results, dict) and results.get("kind") == "wavenet":
            if form != "html":
                raise InputError(f"--format {form}: for comparisons alone; leave it out")
            return write_wavenet_report(WaveNetTraining.model_validate(results), folder, lang)
        comparison = Comparison.model_validate(results)
    except FileNotFoundError:
        raise InputError(f"{folder}: holds no {RESULTS_FILE}; name another folder") from None
    except (ValidationError, ValueError):
        raise InputError(f"{folder / RESULTS_FILE}: damaged, or by another version") from None
    return (
        write_report(comparison, folder, lang)
        if form == "html"
        else _write(comparison, folder, form)
    )


def _write(comparison: "Comparison", folder: Path, form: Form) -> Path:
    from keiryo.files import write_text
    from keiryo.records.places import LATEX_FILE, MARKDOWN_FILE, TABLE_FILE
    from keiryo.records.tables.trial_csv import trials_as_csv
    from keiryo.report.forms.latex import comparison_as_latex
    from keiryo.report.forms.markdown import comparison_as_markdown

    if form == "md":
        path, text = folder / MARKDOWN_FILE, comparison_as_markdown(comparison, folder)
    elif form == "latex":
        path, text = folder / LATEX_FILE, comparison_as_latex(comparison)
    else:
        path, text = folder / TABLE_FILE, trials_as_csv(comparison.trials)
    write_text(path, text)
    return path
