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
    typer.echo("\nNAME[:key=value,...], timm/NAME where timm is installed, or your own: ")
    typer.echo("FILE.py:FACTORY, package.module:FACTORY")
