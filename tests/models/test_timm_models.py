"""timm's networks beside PyTorch's build for the processor."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from keiryo.errors import InputError
from keiryo.models.spec import build

ROOT = Path(__file__).parents[2]


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().split()
    return dict(line.lower().split("==") for line in lines)


def test_the_extra_and_what_it_brings_are_pinned_to_this_torch() -> None:
    versions = pinned()
    assert {"timm", "huggingface_hub", "safetensors", "pyyaml"} <= versions.keys()
    # Torchvision 0.(N + 15) is made for PyTorch 2.N; another would bring another PyTorch.
    torch_minor = int(versions["torch"].split(".")[1])
    assert versions["torchvision"].split(".")[:2] == ["0", str(torch_minor + 15)]


def test_without_timm_the_message_keeps_this_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    version = torch.__version__.partition("+")[0]
    with pytest.raises(InputError, match=rf"pip install 'keiryo\[timm\]' 'torch=={version}'$"):
        build("timm/resnet18", classes=5)


def test_a_torchvision_that_cannot_be_loaded_is_made_importable(tmp_path: Path) -> None:
    """In a process of its own, since PyTorch keeps what is declared."""
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "_C.so").write_bytes(b"made for another PyTorch")
    (package / "__init__.py").write_text("from torchvision import _meta_registrations\n")
    (package / "_meta_registrations.py").write_text(
        "import torch\n"
        "@torch.library.register_fake('torchvision::nms')\n"
        "def nms(dets, scores, threshold):\n"
        "    return dets\n"
    )
    code = """
try:
    import torchvision
except RuntimeError as error:
    print(error)
from keiryo.models.timm_models import declare_missing_operators
declare_missing_operators()
import torchvision
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True, text=True
    )
    assert "torchvision::nms does not exist" in ended.stdout


def test_a_network_of_timms_is_built() -> None:
    if importlib.util.find_spec("timm") is None:
        pytest.skip("timm is not installed")
    network = build("timm/mobilenetv3_small_050", classes=7).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 7)
    with pytest.raises(InputError, match="did you mean timm/mobilenetv3_small"):
        build("timm/mobilenetv3_small_05", classes=7)
