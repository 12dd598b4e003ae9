"""`keiryo predict`: labels for new images."""

import csv as csv_format
import json as json_format
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keiryo.cli import options

if TYPE_CHECKING:  # which would load torch
    from keiryo.explanation.writing import Explanation, ExplanationWriter
    from keiryo.export.exported_predictor import ExportedPredictor
    from keiryo.export.given_images import GivenImage
    from keiryo.export.predictor import Guess, Predictor

EXIT_INPUT = 2
COLUMNS = ("image", "rank", "label", "probability", "error")
EXPLANATION = "explanation"  # a further column, with --explain


@dataclass(frozen=True)
class Answer:
    """The answer for an image: its likeliest classes, and its heat maps; or why there are none."""

    image: str
    guesses: "list[Guess]"
    error: str | None = None
    explanation: "Explanation | None" = None


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
    explain: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for a PNG file of each image beside a heat map of the places that speak "
            "for its class.",
        ),
    ] = None,
    explain_class: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="With --explain: also a heat map for this class."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="With --explain: replace files in its folder.")
    ] = False,
) -> None:
    """Classify images with a trained model.

    An image that cannot be read is named, and the others are classified; the exit status is then 2.
    """
    from keiryo.cli.live.terminal import show_working
    from keiryo.errors import InputError
    from keiryo.export.exported_predictor import ExportedPredictor
    from keiryo.export.given_images import list_images

    if json and csv:
        raise InputError("--json and --csv: give one of the two")
    if explain is None and (explain_class is not None or force):
        option = "--force" if explain_class is None else f"--explain-class {explain_class}"
        raise InputError(f"{option}: only with --explain DIR; add it, or leave this out")
    with show_working("loading the model"):
        predictor = _load(artifact, model_source)
    writer = None
    if explain is not None:
        if isinstance(predictor, ExportedPredictor):
            raise InputError(
                f"--explain {explain}: {artifact} is an exported model, which has no gradients; "
                "give the folder of its trial"
            )
        writer = _writer(artifact, model_source, explain, explain_class, force=force)
    answers = _answers(predictor, list_images(images), top, writer)
    if json:
        failures = _print_json(answers)
    elif csv:
        failures = _print_csv(answers, explained=writer is not None)
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


def _writer(
    artifact: Path, source: Path | None, folder: Path, also: str | None, *, force: bool
) -> "ExplanationWriter":
    from keiryo.explanation.heat_map import Explainer
    from keiryo.explanation.writing import ExplanationWriter
    from keiryo.models.saved import SourceChangedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SourceChangedWarning)  # told already
        explainer = Explainer(artifact, source=source)
    return ExplanationWriter(explainer, folder, also, force=force)


def _answers(
    predictor: "Predictor | ExportedPredictor",
    given: "Iterator[GivenImage]",
    top: int,
    writer: "ExplanationWriter | None",
) -> Iterator[Answer]:
    """Yield the answer for each image; say on standard error which cannot be read."""
    from keiryo.errors import InputError
    from keiryo.export.given_images import read_pixels
    from keiryo.models.users_module import users_forward

    size = predictor.description.preprocessing.size
    for one in given:
        guesses: list[Guess] = []
        explanation = None
        error = one.error
        if one.image is not None:
            try:
                image = one.image if writer is None else read_pixels(one.image, size)
                with users_forward(predictor.description.model):
                    guesses = predictor.predict(image)
                if writer is not None:
                    explanation = writer.write(one.name, read_pixels(image, size), guesses[0].label)
            except InputError as found:
                error = str(found).removeprefix(f"{one.name}: ")
        if error is not None:
            typer.echo(f"keiryo: {one.name}: {error}", err=True)
        yield Answer(one.name, guesses[:top], error, explanation)


def _print_lines(answers: Iterator[Answer]) -> int:
    failures = 0
    for answer in answers:
        failures += answer.error is not None
        if answer.error is None:
            labels = "  ".join(f"{guess.label} {guess.probability:.1%}" for guess in answer.guesses)
            place = "" if answer.explanation is None else f"  ({answer.explanation.file})"
            typer.echo(f"{answer.image}: {labels}{place}")
    return failures


def _print_json(answers: Iterator[Answer]) -> int:
    document: list[dict[str, object]] = []
    failures = 0
    for answer in answers:
        labels = [
            {"label": guess.label, "probability": guess.probability} for guess in answer.guesses
        ]
        failures += answer.error is not None
        entry: dict[str, object] = {"image": answer.image, "labels": labels}
        if answer.explanation is not None:
            entry[EXPLANATION] = {
                "file": answer.explanation.file,
                "labels": answer.explanation.labels,
                "map_size": answer.explanation.map_size,
            }
        if answer.error is not None:
            entry["error"] = answer.error
        document.append(entry)
    typer.echo(json_format.dumps(document, ensure_ascii=False, indent=2))
    return failures


def _print_csv(answers: Iterator[Answer], *, explained: bool) -> int:
    rows = csv_format.writer(sys.stdout, lineterminator="\n")
    rows.writerow((*COLUMNS, EXPLANATION) if explained else COLUMNS)
    failures = 0
    for answer in answers:
        file = (answer.explanation.file if answer.explanation else "",) if explained else ()
        failures += answer.error is not None
        if answer.error is not None:
            rows.writerow((answer.image, "", "", "", answer.error, *file))
        for rank, guess in enumerate(answer.guesses, 1):
            rows.writerow((answer.image, rank, guess.label, f"{guess.probability:.6f}", "", *file))
    return failures
