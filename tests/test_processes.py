import os
import subprocess
import sys

import pytest

from keiryo.processes import SLEEPING_THREADS, environment


def test_threads_sleep_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SLEEPING_THREADS:
        monkeypatch.delenv(name, raising=False)
    assert environment({"A": "1"}).items() >= {**SLEEPING_THREADS, "A": "1"}.items()
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert environment()["OMP_WAIT_POLICY"] == "ACTIVE"


def test_the_command_line_sets_them_before_it_loads_pytorch() -> None:
    code = (
        "import os, sys\n"
        "from keiryo.cli.main import main\n"
        "class Watch:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'torch':\n"
        "            print(os.environ.get('OMP_WAIT_POLICY'))\n"
        "sys.meta_path.insert(0, Watch())\n"
        "sys.argv = ['keiryo', 'weigh', 'mobilenet_v1:width=0.25']\n"
        "main()\n"
    )
    given = {name: value for name, value in os.environ.items() if name not in SLEEPING_THREADS}
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=given
    )
    assert finished.stdout.splitlines()[0] == "PASSIVE"
