"""The Python of the documentation runs as it stands."""

import re
from pathlib import Path

import pytest

DOCUMENTS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", ["wavenet.md"])
def test_python_blocks_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCUMENTS / name).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    names: dict[str, object] = {"__name__": "documentation"}
    for block in blocks:
        exec(compile(block, name, "exec"), names)
