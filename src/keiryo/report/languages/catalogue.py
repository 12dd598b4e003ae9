"""The texts of one language, by their keys, with figures filled in."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Formatter

from markupsafe import Markup

from keiryo.errors import InputError

ENGLISH = "en"
CODES = (ENGLISH, "ja")
# The variables that say which language messages are in, by POSIX and gettext, first to last.
LOCALE_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
FORMS = {"one", "other"}  # of a text that depends on a count


@dataclass(frozen=True)
class Language:
    """The texts of the language `code`, such as en, by keys such as `table.heading`.

    A text is HTML, and has figures in braces. Where it depends on a count `n`, it is a pair `one`
    and `other`.
    """

    code: str
    texts: Mapping[str, str | Mapping[str, str]]

    def __call__(self, key: str, /, **values: object) -> Markup:
        """Return the text of `key` as HTML, with the `values` escaped."""
        return Markup(self._form(key, values)).format(**values)

    def plain(self, key: str, /, **values: object) -> str:
        """Return the text of `key` without any markup, for attributes and drawings."""
        text = self._form(key, values)
        if "<" in text or "&" in text:
            text = Markup(text).striptags()
        return text.format(**values)

    def _form(self, key: str, values: Mapping[str, object]) -> str:
        text = self.texts[key]
        if isinstance(text, str):
            return text
        return text["one" if values["n"] == 1 and "one" in text else "other"]


def language(code: str | None = None) -> Language:
    """Return the language `code`; without it, the one of the locale, or English.

    Raises InputError if there is no such language.
    """
    code = code or _code_of_locale()
    if code not in CODES:
        raise InputError(f"--lang {code}: no such language; choose {' or '.join(CODES)}")
    return _read(code)


def english() -> Language:
    """Return the language of the terminal, and of pages where no other is asked for."""
    return language(ENGLISH)


def fields(text: str | Mapping[str, str]) -> set[str]:
    """Return the names of the figures that a text has."""
    forms = [text] if isinstance(text, str) else text.values()
    return {name for form in forms for _, name, _, _ in Formatter().parse(form) if name}


@cache
def _read(code: str) -> Language:
    file = resources.files(__package__ or "").joinpath(f"{code}.toml")
    return Language(code, _flatten(tomllib.loads(file.read_text("utf-8"))))


def _code_of_locale() -> str:
    named = next(filter(None, map(os.environ.get, LOCALE_VARIABLES)), ENGLISH)
    code = named.split(":")[0].split("_")[0].split(".")[0].lower()
    return code if code in CODES else ENGLISH


def _flatten(tables: Mapping[str, object], start: str = "") -> dict[str, str | Mapping[str, str]]:
    texts: dict[str, str | Mapping[str, str]] = {}
    for key, value in tables.items():
        if isinstance(value, str) or (isinstance(value, dict) and value.keys() <= FORMS):
            texts[start + key] = value
        elif isinstance(value, dict):
            texts |= _flatten(value, f"{start}{key}.")
    return texts
