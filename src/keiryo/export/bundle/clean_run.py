"""A Python in which only the runtime and its dependencies can be imported."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from keiryo.errors import InputError

LONGEST_SECONDS = 300.0
# With -I and -S, Python looks for nothing but its own library.
RUN = """
import runpy, sys
wheel, packages, script, *sys.argv = sys.argv[1:]
sys.path += [wheel, packages]
sys.argv.insert(0, script)
runpy.run_path(script, run_name="__main__")
"""


def run_bare(
    script: Path, arguments: Sequence[str], *, wheel: Path, requirements: Iterable[str]
) -> str:
    """Run a script with what `requirements` name and need, and the `wheel`; return its output.

    The packages are those that are installed here. Nothing else of this environment can be
    imported, neither torch nor keiryo. Raises InputError with the last line of its errors if the
    script fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        _link_packages(requirements, Path(folder))
        command = [sys.executable, "-I", "-S", "-c", RUN, str(wheel), folder, str(script)]
        done = subprocess.run(
            [*command, *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=os.environ | {"PYTHONUTF8": "1"},
            timeout=LONGEST_SECONDS,
        )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise InputError(f"{script.name} fails in a clean environment: {lines[-1]}")
    return done.stdout


def _link_packages(requirements: Iterable[str], folder: Path) -> None:
    for package in _with_dependencies(requirements):
        tops = {file.parts[0] for file in package.files or ()}
        for top in tops - {"..", "__pycache__"}:
            link = folder / top
            if not link.exists():
                link.symlink_to(Path(str(package.locate_file(top))).resolve())


def _with_dependencies(requirements: Iterable[str]) -> list[Distribution]:
    found: dict[str, Distribution] = {}
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        is_needed = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if is_needed and requirement.name not in found:
            package = distribution(requirement.name)
            found[requirement.name] = package
            waiting += [Requirement(text) for text in package.requires or ()]
    return list(found.values())
