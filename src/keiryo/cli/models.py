"""`keiryo models`: the list of models."""

import json as json_format
from textwrap import fill

import typer

from keiryo.cli import options

NAME_WIDTH = 24
LINE_WIDTH = 80


def models(json: options.Json = False) -> None:
    """List the models and their options."""
    from keiryo.models.spec import FACTORIES, model_options, option_choices
    from keiryo.models.weights.imagenet_weights import PUBLISHED_WEIGHTS

    published = [weights.model for weights in PUBLISHED_WEIGHTS]

    if json:
        document = [
            {
                "model": name,
                "options": {option.key: option_choices(option) for option in model_options(name)},
                "imagenet": [model for model in published if model.partition(":")[0] == name],
            }
            for name in FACTORIES
        ]
        typer.echo(json_format.dumps(document, indent=2))
        return
    for name in FACTORIES:
        choices = "  ".join(
            f"{option.key}={option_choices(option)}" for option in model_options(name)
        )
        typer.echo(_fill(f"{name:<{NAME_WIDTH}} {choices}", indent=NAME_WIDTH + 1))
    typer.echo(
        "\nThe default of each option comes first. Write NAME or NAME:key=value,...\n"
        "for example mobilenet_v2:width=0.5,norm=group. Also: timm/NAME if timm is\n"
        "installed, and your own model as FILE.py:FACTORY or package.module:FACTORY.\n"
        "densenet is the form for images of 32 px. For larger ones, its stem becomes 2,\n"
        "4 or 8, by which it reduces them; stem=1 keeps them as they are.\n\n"
        "With weights published for ImageNet (--pretrained imagenet):"
    )
    typer.echo(_fill(", ".join(published)))


def _fill(text: str, *, indent: int = 0) -> str:
    return fill(text, width=LINE_WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False)
