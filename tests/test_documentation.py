"""The Python of the README and the documentation runs as it stands, and links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")


def python_blocks(page: Path) -> list[str]:
    return re.findall(
        r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def run_python(page: Path) -> None:
    names: dict[str, object] = {"__name__": "documentation"}
    for block in python_blocks(page):
        exec(compile(block, page.name, "exec"), names)


def text_without_blocks(page: Path) -> str:
    return BLOCK.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", text_without_blocks(page), re.MULTILINE)
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in words}


def short_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [p for p in PAGES[1:] if python_blocks(p)], ids=short_name)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_python(page)


def test_the_readme_compares_and_writes_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert python_blocks(README)
    run_python(README)
    assert "mobilenet_v2:width=0.5" in capsys.readouterr().out
    assert (tmp_path / "runs" / "small" / "report.html").exists()


@pytest.mark.parametrize("page", PAGES, ids=short_name)
def test_links_lead_somewhere(page: Path) -> None:
    for file, anchor in LINK.findall(text_without_blocks(page)):
        target = page.parent / file if file else page
        assert target.exists(), f"{page.name} links to {file}, which does not exist"
        if anchor:
            assert anchor in anchors(target), f"{target.name} has no heading #{anchor}"
