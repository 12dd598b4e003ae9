"""Benchmarks take nothing from keiryo that it no longer has: they are run too rarely to show it."""

import ast
import importlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

BENCHMARKS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


def imported_names(file: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "keiryo":
            yield from ((str(node.module), alias.name) for alias in node.names)


@pytest.mark.parametrize("file", BENCHMARKS, ids=lambda file: file.stem)
def test_what_a_benchmark_imports_is_there(file: Path) -> None:
    for module, name in imported_names(file):
        is_there = hasattr(importlib.import_module(module), name)
        assert is_there or find_spec(f"{module}.{name}"), f"{module} has no {name}"
