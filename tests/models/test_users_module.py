"""Networks of the user's own: whatever their code does ends well, or in one line."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from conftest import Finished
from keiryo.errors import InputError, one_line
from keiryo.measure.layer_times import measure_layers
from keiryo.models.spec import build

MINE = """
from torch import nn
def net(classes): return nn.Sequential(nn.Flatten(), nn.Linear(12, classes))
def no_argument(): return net(10)
def keyword(*, num_classes=10): return net(num_classes)
def through(**options): return net(options["num_classes"])
def any_name(n): return net(n)
def two(width, depth): return net(width)
def width_first(width=16): return net(width)
def wrong_type(classes): return "net"
def raises(classes): raise ValueError("cannot\\nbuild this")
def leaves(classes): raise SystemExit("bye")
def prints(classes): print("building"); return net(classes)
class Net(nn.Sequential):
    def __init__(self, width=16, num_classes=10):
        super().__init__(nn.Flatten(), nn.Linear(12, width), nn.Linear(width, num_classes))
class Bare(nn.Sequential):
    def __init__(self, width): super().__init__(nn.Linear(12, width))
class Loud(nn.Module):
    def __init__(self, classes): super().__init__(); self.body = net(classes)
    def forward(self, x): print("shape", x.shape); return self.body(x)
class Leaving(Loud):
    def forward(self, x): raise SystemExit(3)
instance = Net()
number = 3
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


def outputs(network: nn.Module) -> int:
    return network(torch.zeros(1, 3, 2, 2)).shape[1]


@pytest.mark.parametrize(
    "factory", ["net", "keyword", "through", "any_name", "prints", "Net", "Loud"]
)
def test_the_number_of_classes_reaches_the_parameter_that_takes_it(
    mine: Path, factory: str
) -> None:
    assert outputs(build(f"{mine}:{factory}", classes=7)) == 7


def test_a_width_is_not_taken_for_the_number_of_classes(mine: Path) -> None:
    network = build(f"{mine}:Net", classes=7)
    assert sum(p.numel() for p in network.parameters()) == 13 * 16 + 17 * 7


@pytest.mark.parametrize("factory", ["instance", "no_argument", "Net"])
def test_without_a_number_of_classes_a_network_is_taken_as_it_is(mine: Path, factory: str) -> None:
    assert isinstance(build(f"{mine}:{factory}", classes=None), nn.Module)


def test_a_factory_that_needs_the_number_of_classes_says_so(mine: Path) -> None:
    with pytest.raises(InputError, match="needs a value for 'classes'; give the number"):
        build(f"{mine}:net", classes=None)


@pytest.mark.parametrize(
    ("factory", "hint"),
    [
        ("no_argument", r"takes no argument.*`classes` or `num_classes`.*FACTORY\(classes\)"),
        ("two", r"takes only width, depth; give it a parameter `classes`"),
        ("width_first", "takes only width; give it"),
        ("Bare", "takes only width; give it"),
        ("instance", "is a network, whose number of classes is fixed"),
        ("number", "no function or class, but int"),
        ("wrong_type", r"returned str, not a torch\.nn\.Module"),
        ("raises", r"ValueError: cannot build this \(.*mine\.py, line 11\)"),
        ("leaves", r"sys\.exit \(bye\), .*mine\.py, line 12"),
        ("nett", "has no 'nett'; did you mean net"),
    ],
)
def test_a_factory_that_cannot_serve_says_how_it_is_called(
    mine: Path, factory: str, hint: str
) -> None:
    with pytest.raises(InputError, match=hint) as raised:
        build(f"{mine}:{factory}", classes=7)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("import torch\nx = torch.no_such_function", r"AttributeError: .*no_such.*line 2\)"),
        ("x = undefined", r"NameError: name 'undefined' is not defined \(.*line 1\)"),
        ("\ndef net(classes:", r"SyntaxError in .*mine\.py, line 2: '\(' was never closed"),
        ("import no_such_package", r"ModuleNotFoundError: No module.*line 1\)"),
        ("import sys\nsys.exit(4)", r"sys\.exit \(4\), .*line 2; .*__main__"),
        (
            "import argparse\np = argparse.ArgumentParser()\n"
            "p.add_argument('--rate', required=True)\np.parse_args()",
            r"by argparse \(.*--rate\), .*line 4; .*__main__",
        ),
        ("def f(): return f()\nf()", r"RecursionError"),
    ],
)
def test_a_file_that_cannot_be_imported_names_its_line(
    tmp_path: Path, text: str, hint: str
) -> None:
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(InputError, match=hint) as raised:
        build(f"{tmp_path / 'mine.py'}:net", classes=2)
    assert "\n" not in str(raised.value)


def test_postponed_annotations_and_arguments_of_a_program(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from __future__ import annotations\n"
        "import argparse\n"
        "from dataclasses import dataclass\n"
        "from typing import ClassVar\n"
        "from torch import nn\n"
        "@dataclass\n"
        "class Config:\n"
        "    width: int = 12\n"
        "    kinds: ClassVar[int] = 3\n"
        "argparse.ArgumentParser().parse_args()\n"
        "def net(classes): return nn.Sequential(nn.Flatten(), nn.Linear(Config().width, classes))\n"
    )
    assert outputs(build(f"{tmp_path / 'mine.py'}:net", classes=4)) == 4


def test_modules_beside_the_file_are_those_of_its_own_folder(tmp_path: Path) -> None:
    for folder, width in (("a", 5), ("b", 6)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "blocks_beside.py").write_text(f"WIDTH = {width}\n")
        (tmp_path / folder / "mine.py").write_text(
            "from torch import nn\n"
            "def net(classes):\n"
            "    from blocks_beside import WIDTH\n"
            "    return nn.Sequential(nn.Flatten(), nn.Linear(12, WIDTH))\n"
        )
    widths = [outputs(build(f"{tmp_path / name / 'mine.py'}:net", classes=1)) for name in "aba"]
    assert widths == [5, 6, 5]


def test_prints_leave_standard_output_to_the_results(
    keiryo: Callable[..., Finished], mine: Path
) -> None:
    for factory, said in (("prints", "building"), ("Loud", "shape")):
        finished = keiryo("weigh", f"{mine}:{factory}", "--input", "3x2x2", "--json")
        assert finished.status == 0
        assert json.loads(finished.out)[0]["macs"] == 12_000
        assert said in finished.err


def test_output_of_child_processes_goes_to_standard_error_too() -> None:
    code = """
import os, sys
from keiryo.processes import output_to_stderr
print("result")
with output_to_stderr():
    print("printed")
    os.system("echo child")
print("second")
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "result\nsecond\n"
    assert set(ended.stderr.split()) == {"printed", "child"}


def test_an_exit_in_a_forward_is_one_line(keiryo: Callable[..., Finished], mine: Path) -> None:
    finished = keiryo("weigh", f"{mine}:Leaving", "--input", "3x2x2")
    assert finished.status == 2
    assert finished.err.count("\n") == 1
    assert "its forward ends the program by sys.exit(3)" in finished.err


def test_a_wrong_shape_names_the_option(keiryo: Callable[..., Finished]) -> None:
    finished = keiryo("weigh", "vgg16", "--input", "3x224")
    assert finished.status == 2
    assert finished.err.startswith("keiryo: --input 3x224: vgg16: cannot be run on 3x224")


def test_an_unknown_model_hints_at_timm() -> None:
    with pytest.raises(InputError, match=r"'convnext_tiny'\. .*timm/convnext_tiny\.$"):
        build("convnext_tiny", classes=2)


def test_a_file_without_a_factory_says_how_one_is_named(mine: Path) -> None:
    with pytest.raises(InputError, match=r"mine\.py:FACTORY; keiryo calls FACTORY\(classes\)"):
        build(str(mine), classes=2)


@pytest.mark.slow  # a whole comparison
def test_a_comparison_of_a_talkative_network_prints_json_alone(
    keiryo: Callable[..., Finished], tmp_path: Path, flower_folder: Path
) -> None:
    (tmp_path / "blocks_of_mine.py").write_text("WIDTH = 4\n")
    (tmp_path / "later_of_mine.py").write_text("def mean(x): return x.mean((2, 3))\n")
    (tmp_path / "talking.py").write_text(
        "from __future__ import annotations\n"
        "from torch import nn\n"
        "from blocks_of_mine import WIDTH\n"
        "print('importing')\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, width=WIDTH, num_classes=2):\n"
        "        super().__init__()\n"
        "        self.first = nn.Conv2d(3, width, 3)\n"
        "        self.last = nn.Linear(width, num_classes)\n"
        "    def forward(self, x):\n"
        "        from later_of_mine import mean\n"
        "        print('running')\n"
        "        return self.last(mean(self.first(x)))\n"
    )
    finished = keiryo(
        "compare", flower_folder, "--models", f"{tmp_path}/talking.py:Net", "--epochs", 1,
        "--size", 16, "--batch", 8, "--threads", 1, "--engine", "torch", "--json",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert finished.status == 0
    [trial] = json.loads(finished.out)["trials"]
    assert (trial["status"], trial["error"]) == ("done", None)
    assert trial["parameters"] == 4 * 28 + 3 * 5
    assert "predictions will need" in finished.err
    image = next(flower_folder.rglob("*.jpg"))
    answers = json.loads(keiryo("predict", tmp_path / "out", image, "--json").out)
    assert answers[0]["labels"]


def test_a_long_message_of_pytorch_becomes_one_line() -> None:
    with pytest.raises(NotImplementedError) as raised:
        torch.sparse.mm(torch.eye(4).to_sparse().to("meta"), torch.zeros(4, 5, device="meta"))
    assert len(str(raised.value)) > 1000
    line = one_line(raised.value)
    assert "\n" not in line
    assert len(line) < 300
    assert "SparseMeta" in line


def test_a_module_called_with_several_shapes_has_a_time_for_each() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Conv2d(3, 4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(x).sum() + self.head(x[..., ::2]).sum() + self.head(x).sum()

    names = ["head", "head#2"]
    times = measure_layers(Shared().eval(), [torch.zeros(1, 3, 8, 8)], names)
    assert set(times.layers) == set(names)
