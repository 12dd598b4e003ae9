"""`keiryo errors`: a trained network's errors on the held-out images."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from keiryo.cli import options


def errors(
    trial: Annotated[
        Path,
        typer.Argument(
            metavar="TRIAL",
            help="Folder of a trial, OUT/trials/NAME; or of a comparison, whose recommended model "
            "is taken.",
        ),
    ],
    json: options.Json = False,
) -> None:
    """Show which held-out images a trained model gets wrong: its confusions and worst errors."""
    from keiryo.cli.tables.confusions import print_errors
    from keiryo.comparison.trial.finished import read_finished_trial

    record, analysis = read_finished_trial(trial)
    if json:
        document = {
            "model": record.model,
            "seed": record.seed,
            "fold": record.fold,
            "recipe": record.recipe,
            **analysis.model_dump(mode="json"),
            "confusion_matrix": analysis.confusion_matrix,
        }
        typer.echo(json_format.dumps(document, ensure_ascii=False, indent=2))
        return
    print_errors(record, analysis)
