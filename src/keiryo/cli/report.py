"""`keiryo report`: the report, written again from the results; several comparisons together."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from keiryo.cli import options


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="OUT...",
            help="The --out of a comparison or of a WaveNet's training. Of several comparisons, "
            "what changed from one to the next is shown.",
        ),
    ],
    json: options.Json = False,
) -> None:
    """Write report.html again, or show what changed between several comparisons."""
    if len(folders) > 1:
        _show_changes(folders, json=json)
        return
    path = _write_again(folders[0])
    if json:
        typer.echo(json_format.dumps({"report": str(path)}, ensure_ascii=False, indent=2))
    else:
        typer.echo(path)


def _show_changes(folders: list[Path], *, json: bool) -> None:
    from keiryo.cli.tables.changes import print_changes
    from keiryo.comparison.decision.changes import compare_runs
    from keiryo.errors import InputError

    resolved = [folder.resolve() for folder in folders]
    for place, folder in enumerate(resolved):
        if folder in resolved[:place]:
            raise InputError(f"{folders[place]}: is named twice; name each comparison once")
    changes = compare_runs(folders)
    if json:
        typer.echo(changes.model_dump_json(indent=2))
    else:
        print_changes(changes)


def _write_again(folder: Path) -> Path:
    from pydantic import ValidationError

    from keiryo.errors import InputError
    from keiryo.records.comparison import Comparison
    from keiryo.records.places import RESULTS_FILE
    from keiryo.records.wavenet import WaveNetTraining
    from keiryo.report.page import write_report
    from keiryo.report.wavenet_page import write_wavenet_report

    try:
        results = json_format.loads((folder / RESULTS_FILE).read_bytes())
        if isinstance(results, dict) and results.get("kind") == "wavenet":
            return write_wavenet_report(WaveNetTraining.model_validate(results), folder)
        return write_report(Comparison.model_validate(results), folder)
    except FileNotFoundError:
        raise InputError(f"{folder}: holds no {RESULTS_FILE}; name another folder") from None
    except (ValidationError, ValueError):
        raise InputError(f"{folder / RESULTS_FILE}: damaged, or by another version") from None
