"""`keiryo predict`: labels for new images."""

import csv as csv_format
import json as json_format
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keiryo.cli import options

if TYPE_CHECKING:  # which would load torch
    from keiryo.export.exported_predictor import ExportedPredictor
    from keiryo.export.given_images import GivenImage
    from keiryo.export.predictor import Guess, Predictor

EXIT_INPUT = 2
COLUMNS = ("image", "rank", "label", "probability", "error")


def predict(
    artifact: Annotated[
        Path,
        typer.Argument(
            metavar="ARTIFACT",
            help="Folder of a trial, OUT/trials/NAME, or its model.safetensors; or the folder of a "
            "comparison, whose recommended model is taken; or a file that `keiryo export` wrote.",
        ),
    ],
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE",
            help="Image files, folders, patterns such as '**/*.jpg', http addresses, or - for "
            "standard input: an image, or a list of such places, one a line.",
        ),
    ],
    top: Annotated[
        int,
        typer.Option(min=1, help="Number of classes to print for each image, the likeliest first."),
    ] = 1,
    model_source: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.py",
            help="File of a network of your own, if it was moved since the training.",
        ),
    ] = None,
    json: options.Json = False,
    csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV: image, rank, label, probability, error.")
    ] = False,
) -> None:
    """Classify images with a trained model.

    An image that cannot be read is named, and the others are classified; the exit status is then 2.
    """
    from keiryo.errors import InputError
    from keiryo.export.given_images import list_images

    if json and csv:
        raise InputError("--json and --csv: give one of the two")
    predictor = _load(artifact, model_source)
    answers = _answers(predictor, list_images(images), top)
    if json:
        failures = _print_json(answers)
    elif csv:
        failures = _print_csv(answers)
    else:
        failures = _print_lines(answers)
    if failures:
        raise typer.Exit(EXIT_INPUT)


def _load(artifact: Path, source: Path | None) -> "Predictor | ExportedPredictor":
    from keiryo.export.loading import load
    from keiryo.models.saved import SourceChangedWarning

    with warnings.catch_warnings(record=True, category=SourceChangedWarning) as caught:
        warnings.simplefilter("always", SourceChangedWarning)
        predictor = load(artifact, source=source)
    for warning in caught:
        typer.echo(f"keiryo: warning: {warning.message}", err=True)
    return predictor


def _answers(
    predictor: "Predictor | ExportedPredictor", given: "Iterator[GivenImage]", top: int
) -> "Iterator[tuple[str, list[Guess], str | None]]":
    """Yield the name of each image, its likeliest classes, and why there are none."""
    from keiryo.errors import InputError
    from keiryo.models.users_module import users_forward

    for one in given:
        guesses: list[Guess] = []
        error = one.error
        if one.image is not None:
            try:
                with users_forward(predictor.description.model):
                    guesses = predictor.predict(one.image)[:top]
            except InputError as found:
                error = str(found).removeprefix(f"{one.name}: ")
        if error is not None:
            typer.echo(f"keiryo: {one.name}: {error}", err=True)
        yield one.name, guesses, error


def _print_lines(answers: "Iterator[tuple[str, list[Guess], str | None]]") -> int:
    failures = 0
    for name, guesses, error in answers:
        failures += error is not None
        if error is None:
            labels = "  ".join(f"{guess.label} {guess.probability:.1%}" for guess in guesses)
            typer.echo(f"{name}: {labels}")
    return failures


def _print_json(answers: "Iterator[tuple[str, list[Guess], str | None]]") -> int:
    document: list[dict[str, object]] = []
    failures = 0
    for name, guesses, error in answers:
        labels = [{"label": guess.label, "probability": guess.probability} for guess in guesses]
        failures += error is not None
        entry: dict[str, object] = {"image": name, "labels": labels}
        if error is not None:
            entry["error"] = error
        document.append(entry)
    typer.echo(json_format.dumps(document, ensure_ascii=False, indent=2))
    return failures


def _print_csv(answers: "Iterator[tuple[str, list[Guess], str | None]]") -> int:
    rows = csv_format.writer(sys.stdout, lineterminator="\n")
    rows.writerow(COLUMNS)
    failures = 0
    for name, guesses, error in answers:
        failures += error is not None
        if error is not None:
            rows.writerow((name, "", "", "", error))
        for rank, guess in enumerate(guesses, 1):
            rows.writerow((name, rank, guess.label, f"{guess.probability:.6f}", ""))
    return failures
