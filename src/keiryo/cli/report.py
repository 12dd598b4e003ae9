"""`keiryo report`: the report, written again from the results."""

import json
from pathlib import Path
from typing import Annotated

import typer


def report(
    folder: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="The --out of a comparison or of a WaveNet's training."),
    ],
) -> None:
    """Write report.html again from the results of a comparison or of a WaveNet's training."""
    from keiryo.cli.live.terminal import show_working

    with show_working("writing the report"):
        path = _write(folder)
    typer.echo(path)


def _write(folder: Path) -> Path:
    from pydantic import ValidationError

    from keiryo.errors import InputError
    from keiryo.records.comparison import Comparison
    from keiryo.records.places import RESULTS_FILE
    from keiryo.records.wavenet import WaveNetTraining
    from keiryo.report.page import write_report
    from keiryo.report.wavenet_page import write_wavenet_report

    try:
        results = json.loads((folder / RESULTS_FILE).read_bytes())
        if isinstance(results, dict) and results.get("kind") == "wavenet":
            return write_wavenet_report(WaveNetTraining.model_validate(results), folder)
        return write_report(Comparison.model_validate(results), folder)
    except FileNotFoundError:
        raise InputError(f"{folder}: holds no {RESULTS_FILE}; name another folder") from None
    except (ValidationError, ValueError):
        raise InputError(f"{folder / RESULTS_FILE}: damaged, or by another version") from None
