"""`keiryo predict`: labels for new images."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from keiryo.cli import options


def predict(
    artifact: Annotated[
        Path,
        typer.Argument(
            metavar="ARTIFACT",
            help="Folder of a trial, OUT/trials/NAME, or its model.safetensors.",
        ),
    ],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Image files.")],
    top: Annotated[
        int,
        typer.Option(min=1, help="Number of classes to print for each image, the likeliest first."),
    ] = 1,
    json: options.Json = False,
) -> None:
    """Classify images with a trained model."""
    from keiryo.data.image.decoding import UnreadableImageError
    from keiryo.errors import InputError
    from keiryo.export.predictor import load

    predictor = load(artifact)
    answers = {}
    for image in images:
        try:
            answers[image] = predictor.predict_file(image)[:top]
        except UnreadableImageError as error:
            raise InputError(f"{image}: {error}") from None
    if json:
        document = [
            {
                "image": str(image),
                "labels": [
                    {"label": guess.label, "probability": guess.probability} for guess in guesses
                ],
            }
            for image, guesses in answers.items()
        ]
        typer.echo(json_format.dumps(document, ensure_ascii=False, indent=2))
        return
    for image, guesses in answers.items():
        labels = "  ".join(f"{guess.label} {guess.probability:.1%}" for guess in guesses)
        typer.echo(f"{image}: {labels}")
