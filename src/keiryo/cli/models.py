"""`keiryo models`: the list of models."""

import json as json_format

import typer

from keiryo.cli import options


def models(json: options.Json = False) -> None:
    """List the models and their options."""
    from keiryo.models.spec import FACTORIES, model_options, option_choices

    if json:
        document = [
            {
                "model": name,
                "options": {option.key: option_choices(option) for option in model_options(name)},
            }
            for name in FACTORIES
        ]
        typer.echo(json_format.dumps(document, indent=2))
        return
    for name in FACTORIES:
        choices = "  ".join(
            f"{option.key}={option_choices(option)}" for option in model_options(name)
        )
        typer.echo(f"{name:<14} {choices}")
    typer.echo(
        "\nThe default of each option comes first. Write NAME or NAME:key=value,...\n"
        "for example mobilenet_v2:width=0.5,norm=group. Also: timm/NAME if timm is installed,\n"
        "and your own model as FILE.py:FACTORY or package.module:FACTORY.\n"
        "densenet is the form for images of 32 px, without a stem. At 224 px it takes 14 G MACs\n"
        "and 13 times the memory of densenet121, which is for those."
    )
