"""`keiryo report`: the report again, from results."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    folder: Annotated[Path, typer.Argument(help="The --out folder of a comparison.")],
) -> None:
    """Make the report of a comparison again."""
    from pydantic import ValidationError

    from keiryo.errors import InputError
    from keiryo.report.page import write_report
    from keiryo.results import RESULTS_FILE, Comparison

    try:
        results = (folder / RESULTS_FILE).read_bytes()
        comparison = Comparison.model_validate_json(results)
    except FileNotFoundError:
        raise InputError(f"{folder}: holds no {RESULTS_FILE} of a comparison") from None
    except ValidationError:
        raise InputError(f"{folder / RESULTS_FILE}: damaged, or by another version") from None
    typer.echo(write_report(comparison, folder))
