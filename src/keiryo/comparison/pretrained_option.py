"""`--pretrained`: a path, a URL or `imagenet` for all models, or MODEL=PATH for each."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from keiryo.data.sources.storage import is_url
from keiryo.errors import InputError
from keiryo.models.spec import parse_spec
from keiryo.models.weights.imagenet_weights import have_published_weights, published_weights

IMAGENET = "imagenet"  # in place of a path: the published weights of each model


def places_of(text: str, models: Sequence[str]) -> dict[str, str]:
    """Return the path or URL of the weights that `text` gives to each model.

    A path or URL alone is for all of `models`. Models without a MODEL=PATH are not in the
    answer. Model options and paths may hold commas and equals signs, so `text` is split where
    one of `models` stands. Raises InputError if a model is named twice or without a path.
    """
    marks = sorted(
        (found.start(), found.end(), model)
        for model in models
        for found in re.finditer(rf"(?:^|,)\s*{re.escape(model)}=", text)
    )
    if not marks or marks[0][0] != 0:
        if not text.strip():
            raise InputError("--pretrained: give the path or URL of a file of weights")
        return dict.fromkeys(models, text.strip())
    ends = [start for start, _, _ in marks[1:]] + [len(text)]
    places: dict[str, str] = {}
    for (_, after, model), end in zip(marks, ends, strict=True):
        if model in places:
            raise InputError(f"--pretrained: names {model} twice")
        places[model] = text[after:end].strip()
        if not places[model]:
            raise InputError(f"--pretrained {model}=: give the path or URL of a file of weights")
    return places


def with_absolute_paths(text: str, renamed: Mapping[str, str]) -> str:
    """Return `text` with absolute paths, its models renamed by `renamed`.

    `renamed` maps each model as the user named it to its name in the plan.
    """
    places = {
        model: place if place == IMAGENET or is_url(place) else _absolute(place)
        for model, place in places_of(text, list(renamed)).items()
    }
    alone = list(places.values())
    if len(places) == len(renamed) and len(set(alone)) == 1:
        return alone[0]
    return ",".join(f"{renamed[model]}={place}" for model, place in places.items())


def check_published(pretrained: str, models: Sequence[str]) -> None:
    """Raise InputError if ImageNet's weights are wanted for one of `models` that has none."""
    for model, place in places_of(pretrained, models).items():
        if place != IMAGENET or published_weights(parse_spec(model)) is not None:
            continue
        others = [f"{other}={IMAGENET}" for other in have_published_weights(models)]
        advice = f"give --pretrained {','.join(others)}, or " if others else ""
        raise InputError(
            f"--pretrained {IMAGENET}: keiryo knows no published weights of {model}; {advice}name "
            "another model (`keiryo models` lists those that have some)"
        )


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().resolve())
