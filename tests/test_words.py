"""Plain English: words and openings that newcomers stumble over do not come back."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = sorted((ROOT / "src").rglob("*.py"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEMPLATES = sorted((ROOT / "src").rglob("*.j2"))
# Codes of findings and keys of files that stay as scripts know them.
KEPT = re.compile(r"few_pictures|pictures_seen|\"pictures\"|them pictures")
# Instead: image, depends on, classified correctly, resume or continue.
REFUSED = re.compile(
    r"\bpictures?\b|\bhangs? on\b|\btold apart\b|\btells? the classes apart\b|\bgone on\b"
    r"|\b(?:go|goes|going) on with\b",
    re.IGNORECASE,
)
OPENING = re.compile(r'"""(?:What|Which|How|Whether|And)\b')


@pytest.mark.parametrize("path", [*CODE, *PAGES, *TEMPLATES], ids=lambda path: path.name)
def test_no_riddles(path: Path) -> None:
    text = KEPT.sub("", path.read_text(encoding="utf-8"))
    assert not REFUSED.findall(text)
    assert not OPENING.findall(text), "a docstring begins with its subject, or with a verb"
