"""A bundle: what a colleague needs, run once where nothing else can be imported."""

import json
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import keiryo as keiryo_module
from conftest import Finished
from keiryo.errors import InputError
from keiryo.export.bundle.clean_run import run_bare
from keiryo.export.bundle.wheel import runtime_wheel
from keiryo_runtime.engines import REQUIREMENTS

RUNTIME = Path(__file__).parents[2] / "packages" / "runtime" / "pyproject.toml"


def test_a_bundle_runs_by_itself(
    trial_folder: Path, tmp_path: Path, keiryo: Callable[..., Finished]
) -> None:
    done = keiryo("export", trial_folder, "--bundle", "--licence", "CC BY", "--out", tmp_path)
    assert done.status == 0, done.err
    bundle = tmp_path / "bundle-onnx"
    wheel = "keiryo_runtime-0.1.0-py3-none-any.whl"
    names = {"README.md", "model.onnx", "predict.py", "requirements.txt", wheel}
    assert {path.name for path in bundle.iterdir()} == names
    first, *pins = (bundle / "requirements.txt").read_text().splitlines()
    assert first == f"./{wheel}"
    assert all("==" in pin for pin in pins)
    card = (bundle / "README.md").read_text(encoding="utf-8")
    for said in ("CC BY", "薔薇", "Not measured", "latency", "64 images"):
        assert said in card
    labels = [guess.label for guess in keiryo_module.load(bundle).predict(_image(tmp_path))]
    assert sorted(labels) == sorted(["rose", "薔薇", "tulip"])
    again = keiryo("export", trial_folder, "--bundle", "--out", tmp_path)
    assert again.status == 2
    assert "exists; replace it with --force" in again.err


def _image(folder: Path) -> Path:
    from PIL import Image

    Image.new("RGB", (60, 40), "red").save(folder / "red.png")
    return folder / "red.png"


def test_a_clean_environment_holds_neither_torch_nor_keiryo(tmp_path: Path) -> None:
    name, content = runtime_wheel()
    (tmp_path / name).write_bytes(content)
    script = tmp_path / "script.py"
    script.write_text(
        "import importlib.util as u, json, sys, keiryo_runtime\n"
        "print(json.dumps([n for n in ('torch', 'keiryo', 'cv2', 'numpy') if u.find_spec(n)]))\n"
        "print(sys.argv[1:])\n"
    )
    wheel, needs = tmp_path / name, ["numpy", "pillow"]
    found, arguments = run_bare(script, ["a b"], wheel=wheel, requirements=needs).splitlines()
    assert json.loads(found) == ["numpy"]
    assert arguments == "['a b']"
    script.write_text("import torch\n")
    with pytest.raises(InputError, match=r"script\.py fails in a clean .*No module named 'torch'"):
        run_bare(script, [], wheel=wheel, requirements=needs)


def test_the_wheel_is_the_runtime(tmp_path: Path) -> None:
    name, content = runtime_wheel()
    assert runtime_wheel() == (name, content)
    (tmp_path / name).write_bytes(content)
    with zipfile.ZipFile(tmp_path / name) as wheel:
        assert "keiryo_runtime/predictor.py" in wheel.namelist()
    declared = tomllib.loads(RUNTIME.read_text())["project"]["dependencies"]
    assert tuple(declared) == REQUIREMENTS


def test_a_licence_without_a_bundle_is_refused(
    trial_folder: Path, keiryo: Callable[..., Finished]
) -> None:
    refused = keiryo("export", trial_folder, "--licence", "MIT")
    assert refused.status == 2
    assert "add --bundle" in refused.err
