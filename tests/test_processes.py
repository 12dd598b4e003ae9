import os
import subprocess
import sys

import pytest

from keiryo.processes import SHORT_SPINNING, USERS_POLICY, environment


def test_threads_spin_shortly_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (*SHORT_SPINNING, USERS_POLICY):
        monkeypatch.delenv(name, raising=False)
    assert environment({"A": "1"}).items() >= {**SHORT_SPINNING, "A": "1"}.items()
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    assert environment()["GOMP_SPINCOUNT"] == "7"
    monkeypatch.setenv(USERS_POLICY, "ACTIVE")
    monkeypatch.delenv("GOMP_SPINCOUNT")
    assert "GOMP_SPINCOUNT" not in environment()


def test_the_command_line_sets_them_before_it_loads_pytorch() -> None:
    code = (
        "import os, sys\n"
        "from keiryo.cli.main import main\n"
        "class Watch:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'torch':\n"
        "            print(os.environ.get('GOMP_SPINCOUNT'))\n"
        "sys.meta_path.insert(0, Watch())\n"
        "sys.argv = ['keiryo', 'weigh', 'mobilenet_v1:width=0.25']\n"
        "main()\n"
    )
    ours = (*SHORT_SPINNING, USERS_POLICY)
    given = {name: value for name, value in os.environ.items() if name not in ours}
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=given
    )
    assert finished.stdout.splitlines()[0] == SHORT_SPINNING["GOMP_SPINCOUNT"]


def test_remarks_of_libraries_are_hidden_and_those_of_python_are_not() -> None:
    code = (
        "import os, sys\n"
        "from keiryo.processes import hide_library_remarks\n"
        "print('before', file=sys.stderr)\n"
        "with hide_library_remarks():\n"
        "    os.write(2, b'a remark')\n"
        "    print('shown', file=sys.stderr)\n"
        "os.write(2, b'after')\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert finished.stderr.split() == [b"before", b"shown", b"after"]
