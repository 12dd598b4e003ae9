"""Damaged inputs are read or refused in words."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "fuzz_inputs.py"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_inputs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


@pytest.mark.slow
def test_damaged_inputs_are_read_or_refused_in_words(tmp_path: Path) -> None:
    script = load_script()
    outcomes, faults = script.fuzz(script.make_cases(tmp_path), 1500, 7)
    assert sum(outcomes.values()) == 1500
    assert faults == 0


def test_a_crash_and_a_line_on_standard_error_are_faults() -> None:
    script = load_script()

    def crash(damaged: bytes) -> None:
        raise IndexError(damaged)

    def remark(_: bytes) -> None:
        script.os.write(2, b"odd")

    outcomes, faults = script.fuzz({"crash": (b"1", crash), "remark": (b"1", remark)}, 4, 1)
    assert outcomes == {("crash", "failed"): 2, ("remark", "read"): 2}
    assert faults == 4
