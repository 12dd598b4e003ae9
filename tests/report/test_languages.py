"""The catalogues of the languages: equal in keys and figures, and complete for findings."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from drawn_comparisons import make_comparison, make_trial
from keiryo.errors import InputError
from keiryo.records.base import Finding
from keiryo.report import words
from keiryo.report.languages.catalogue import CODES, fields, language
from keiryo.report.languages.translation import finding_codes, finding_forms, translate
from keiryo.report.page import render_page

SOURCE = Path(__file__).parents[2] / "src" / "keiryo"
# Sentences with parts that are made elsewhere, so that an example of them fits no form.
IN_PARTS = {
    *((code, "evidence") for code in ("at_chance_when_stopped", "class_on_one_side", "few_steps")),
    *((code, "evidence") for code in ("exploding_gradients", "resampled", "statistics_lag")),
    *((code, "evidence") for code in ("step_too_large", "too_short")),
    *((code, "advice") for code in ("exact_copies", "label_conflict", "near_conflict")),
    *((code, "advice") for code in ("overfitting", "underfitting")),
}
JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龠]")


def test_catalogues_have_the_same_keys_and_figures() -> None:
    english, *others = (language(code) for code in CODES)
    for other in others:
        assert other.texts.keys() == english.texts.keys()
        for key, text in english.texts.items():
            assert fields(other.texts[key]) == fields(text), key


def test_every_text_is_used() -> None:
    written = "\n".join(
        path.read_text(encoding="utf-8")
        for pattern in ("**/*.py", "**/*.j2")
        for path in (SOURCE / "report").glob(pattern)
    )
    for key in language("en").texts:
        starts = [key[:end] for end in range(key.index(".") + 1, len(key) + 1)]
        assert any(f'"{start}"' in written or f'"{start}{{' in written for start in starts), key


def test_a_page_is_wholly_in_its_language() -> None:
    page = render_page(make_comparison([make_trial("a", 0, 0.9)]), Path("out"), "ja")
    assert '<html lang="ja">' in page
    body = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>|&#?\w+;", " ", page, flags=re.DOTALL)
    known = "keiryo predict load import print predictor IMAGE jpg trials seed torch Python Test CPU"
    known += " Linux Wilson UTC crop fit daisy rose tulip flowers out OS curves PNG p95 MB GB cpu"
    unknown = set(re.findall(r"[A-Za-z]{4,}", body)) - set(known.split())
    assert unknown <= {"None", "file"}, unknown


def test_the_locale_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    assert language().code == "ja"
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert language().code == "en"
    with pytest.raises(InputError, match="en or ja"):
        language("fr")
    assert words.duration(4000, language("ja")) == "1 時間 6 分"


@pytest.mark.parametrize("code", finding_codes("ja"))
def test_forms_of_findings_are_read_back(code: str) -> None:
    for part in ("evidence", "advice"):
        for form in finding_forms("ja", code, part):
            names = fields(form.english)
            assert fields(form.other) <= names
            values = {name: f"7{name}" for name in names}
            english = re.sub(r"<(.*?)\|.*?>", r"\1", form.english).format(**values)
            given = {"evidence": "", "advice": "", part: english}
            told = translate(Finding(code=code, severity="info", **given), language("ja"))
            assert told.is_translated
            assert getattr(told, part) == form.other.format(**values)
            assert JAPANESE.search(form.other) or form.other == "{failure}"


def written_findings() -> Iterator[tuple[str, str, str]]:
    """Yield code, part and an example of each sentence that the source has for a finding."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
                given = {one.arg: one.value for one in node.keywords}
                if isinstance(code := given.get("code"), ast.Constant):
                    for part in ("evidence", "advice"):
                        for text in examples(given[part]):
                            yield str(code.value), part, text


def examples(node: ast.expr) -> list[str]:
    """Return texts that an expression may give, with 7x for figures; none if it is a call."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=body, orelse=other):
            return [*examples(body), *examples(other)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [a + b for a in examples(left) for b in examples(right)]
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mult()):
            return [text, ""]
        case ast.FormattedValue(value=value):
            return examples(value) or ["7x"]
        case ast.Call(func=ast.Name(id="count"), args=[_, ast.Constant(value=one), *many]):
            return [f"1 {one}", *(f"7 {each.value}" for each in many)]  # pyright: ignore
        case ast.JoinedStr(values=values):
            texts = [""]
            for value in values:
                texts = [start + end for start in texts for end in examples(value)]
            return texts
    return []


def test_sentences_of_findings_are_known_to_the_catalogue() -> None:
    unknown = set()
    for code, part, text in written_findings():
        sentences = {"evidence": "", "advice": "", part: text}
        finding = Finding(code=code, severity="info", **sentences)
        if not translate(finding, language("ja")).is_translated:
            unknown.add((code, part))
    assert unknown == IN_PARTS


def test_a_finding_that_fits_no_form_stays_in_english() -> None:
    finding = Finding(code="plateau", severity="info", evidence="it is new", advice="Wait.")
    told = translate(finding, language("ja"))
    assert (told.evidence, told.is_translated) == ("it is new", False)
