"""`--pretrained`: a path or URL for every model, or MODEL=PATH for each, separated by commas."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from keiryo.data.sources.storage import is_url
from keiryo.errors import InputError


def places_of(text: str, models: Sequence[str]) -> dict[str, str]:
    """Return by model where the weights are that `text` gives to it.

    A path or URL alone is for all of `models`; models that MODEL=PATH leaves out are not
    in the answer. Options and paths hold commas and equals signs too, so it is split where
    one of `models` stands. Raises InputError where a model is named twice or without a path.
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
    """Return `text` so that it holds in any folder, its models as `renamed` has them.

    `renamed` gives each model as the user named it the name that it has in the plan.
    """
    places = {
        model: place if is_url(place) else str(Path(place).expanduser().resolve())
        for model, place in places_of(text, list(renamed)).items()
    }
    alone = list(places.values())
    if len(places) == len(renamed) and len(set(alone)) == 1:
        return alone[0]
    return ",".join(f"{renamed[model]}={place}" for model, place in places.items())
