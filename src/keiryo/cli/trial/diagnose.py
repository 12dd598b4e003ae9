"""`keiryo diagnose`: the findings about a trial."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from keiryo.cli import options


def diagnose(
    trial: Annotated[
        Path, typer.Argument(metavar="TRIAL", help="Folder of a trial, OUT/trials/NAME.")
    ],
    layers: Annotated[
        bool,
        typer.Option(
            "--layers",
            help="Also show the gradient, weights and output of each layer, at the first and the "
            "last step that was watched.",
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Say what went wrong in a training, with evidence and advice; it need not be finished."""
    from keiryo.cli.live.terminal import show_working

    with show_working("reading the trial"):
        from keiryo.cli.tables.diagnosis import print_diagnosis, print_layers
        from keiryo.comparison.trial.trial_folder import read_trial_folder

        record, snapshots = read_trial_folder(trial)
    if json:
        document = {
            **record.model_dump(mode="json"),
            "snapshots": [snapshot.model_dump(mode="json") for snapshot in snapshots],
        }
        typer.echo(json_format.dumps(document, indent=2))
        return
    print_diagnosis(record)
    if layers:
        print_layers(snapshots)
