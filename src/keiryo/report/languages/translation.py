"""Findings in other languages than English, in which they are written.

A finding has no figures apart from its sentences. So the catalogue has, by the finding's code, the
English form of its evidence with names in braces; the figures are read from the sentence and filled
into the other language's form. A finding whose sentence fits no form stays in English.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Formatter

from keiryo.records.base import Finding
from keiryo.report.languages.catalogue import ENGLISH, Language

# In an escaped form: <a|b>, for the one or the other.
DROPPED = "dropped"  # stands for a code, for the reasons why candidates were dropped
ALTERNATIVES = re.compile(r"<(.*?)\\\|(.*?)>")


@dataclass(frozen=True)
class ToldFinding:
    """The sentences of a finding, in the language of the page or in English."""

    evidence: str
    advice: str
    is_translated: bool


@dataclass(frozen=True)
class Form:
    """A sentence in English and in another language, with the same names in braces."""

    english: str
    other: str


def translate(finding: Finding, say: Language) -> ToldFinding:
    """Return the finding's sentences in the language `say`, or both in English."""
    if say.code != ENGLISH:
        evidence = _told(finding.evidence, finding_forms(say.code, finding.code, "evidence"))
        advice = _told(finding.advice, finding_forms(say.code, finding.code, "advice"))
        if evidence is not None and advice is not None:
            return ToldFinding(evidence, advice, is_translated=True)
    return ToldFinding(finding.evidence, finding.advice, is_translated=say.code == ENGLISH)


def translate_reason(reason: str, say: Language) -> str:
    """Return the reason why a candidate was dropped in the language `say`, or as it is."""
    told = None
    if say.code != ENGLISH:
        told = _told(reason, finding_forms(say.code, DROPPED, "evidence"))
    return reason if told is None else told


def finding_forms(language: str, code: str, part: str) -> list[Form]:
    """Return the forms of the `evidence` or the `advice` of findings with `code`."""
    pairs = _catalogue(language).get(code, {}).get(part, [])
    return [Form(english, other) for english, other in pairs]


def finding_codes(language: str) -> list[str]:
    """Return the codes of the findings that the catalogue of `language` has."""
    return list(_catalogue(language))


@cache
def _catalogue(language: str) -> Mapping[str, Mapping[str, list[list[str]]]]:
    forms: dict[str, dict[str, list[list[str]]]] = {}
    for kind in ("findings", "recordings"):
        file = resources.files(__package__ or "").joinpath(f"{kind}_{language}.toml")
        for code, parts in tomllib.loads(file.read_text("utf-8")).items():
            for part, pairs in parts.items():
                forms.setdefault(code, {}).setdefault(part, []).extend(pairs)
    return forms


def _told(sentence: str, forms: list[Form]) -> str | None:
    if not sentence:
        return ""
    for form in forms:
        if (found := _pattern(form.english).fullmatch(sentence)) is not None:
            return form.other.format(**found.groupdict())
    return None


@cache
def _pattern(form: str) -> re.Pattern[str]:
    parts = [
        ALTERNATIVES.sub(r"(?:\1|\2)", re.escape(text)) + (f"(?P<{name}>.+?)" if name else "")
        for text, name, _, _ in Formatter().parse(form)
    ]
    return re.compile("".join(parts), re.DOTALL)
