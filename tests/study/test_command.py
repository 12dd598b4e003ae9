import json
from collections.abc import Callable
from pathlib import Path

from conftest import Finished


def test_the_command_writes_a_page_and_prints_json(
    keiryo: Callable[..., Finished], tmp_path: Path
) -> None:
    out = tmp_path / "quiz"
    ended = keiryo("study", "quiz", "--quick", "--out", out, "--lang", "ja", "--json")
    assert ended.status == 0, ended.err
    assert json.loads(ended.out)["verdict"] == "holds"
    assert json.loads((out / "study.json").read_text("utf-8")) == json.loads(ended.out)
    assert '<html lang="ja">' in (out / "study.html").read_text("utf-8")
    again = keiryo("study", "quiz", "--quick", "--out", out)
    assert (again.status, again.out) == (2, "")
    assert "--force" in again.err


def test_an_unknown_study_is_refused(keiryo: Callable[..., Finished], tmp_path: Path) -> None:
    ended = keiryo("study", "quizz", "--out", tmp_path / "out")
    assert ended.status == 2
    assert "quiz" in ended.err
    assert not (tmp_path / "out").exists()
