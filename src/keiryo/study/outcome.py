"""The outcome of a study, and its sentences, which a file of `texts/` has in each language."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources

from keiryo.records.study import Judgement, Plot, StudyTable, Told

# Told of the done share, from 0 to 1, and of what is going on.
Tell = Callable[[float, str], None]


@dataclass(frozen=True)
class Outcome:
    """The content of a study's page."""

    title: Told
    claim: Told
    formulas: list[str]
    experiment: Told
    judgements: list[Judgement]
    tables: list[StudyTable] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)


class Texts:
    """The sentences of the study `name`, with figures filled in."""

    def __init__(self, name: str) -> None:
        file = resources.files("keiryo.study.texts").joinpath(f"{name}.toml")
        self._texts: Mapping[str, Mapping[str, str]] = tomllib.loads(file.read_text("utf-8"))

    def __call__(self, key: str, /, **values: object) -> Told:
        """Return the sentence of `key` in each language."""
        forms = self._texts[key]
        return Told(en=forms["en"].format(**values), ja=forms["ja"].format(**values))
