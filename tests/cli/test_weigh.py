import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Finished

OWN = """
import torch
from torch import nn

def good(classes):
    pooled = nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*pooled, nn.Linear(4, classes))

def computed(classes):
    rates = [rate.item() for rate in torch.linspace(0, 0.1, 3)]
    return good(classes + len(rates))

class Valued(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x):
        x = x.mean((2, 3))
        return self.layer(x) if float(x.sum()) > 0 else x

def valued(classes):
    return Valued()

class Keyed(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(3, 4, 3)

    def forward(self, batch):
        return {"out": self.head(batch["image"])}

class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.head(x), self.head(x[..., ::2, ::2])

def shared(classes):
    return Shared()

class Raising(nn.Module):
    def forward(self, x):
        raise ValueError("on purpose")

def raising(classes):
    return Raising()
"""
RAISES = 1 + OWN.splitlines().index('        raise ValueError("on purpose")')


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


def test_json_has_the_keys_that_scripts_rely_on(keiryo: Callable[..., Finished]) -> None:
    ended = keiryo("weigh", "mobilenet_v2:width=0.5", "vgg16", "--classes", 5, "--json")
    assert ended.status == 0
    mobilenet, vgg = json.loads(ended.out)
    assert mobilenet["model"] == "mobilenet_v2:width=0.5"
    assert mobilenet["input_shape"] == [3, 224, 224]
    assert mobilenet["classes"] == 5
    # Keras's figures of the two: trainable and total parameters.
    assert (mobilenet["parameters"], mobilenet["state_elements"]) == (694_085, 712_629)
    assert vgg["parameters"] == 134_281_029
    assert mobilenet["size_bytes"] == 4 * 712_629
    assert vgg["receptive_field"] == 212
    for model in (mobilenet, vgg):
        for total, part in (("macs", "macs"), ("parameters", "parameters")):
            assert sum(layer[part] for layer in model["layers"]) == model[total]
        for layer in model["layers"]:
            keys = {"name", "type", "input_shape", "output_shape", "parameters", "macs", "formula"}
            assert keys <= set(layer)
        assert model["activation_bytes"] > 0
        assert "multiplication with the addition" in model["convention"]


def test_the_table_sets_models_side_by_side(keiryo: Callable[..., Finished]) -> None:
    ended = keiryo("weigh", "resnet18", "resnet34", "--input", "3x64x64")
    assert "21,797,672 (× 1.86)" in ended.out
    assert "resnet34: Formula and count agree on" in ended.out
    assert "One multiply-accumulate (MAC)" in ended.out


def test_layers_with_their_sums_and_the_ordinary_cost_of_a_pair(
    keiryo: Callable[..., Finished],
) -> None:
    ended = keiryo("weigh", "mobilenet_v1", "--layers")
    assert "1/64 + 1/9" in ended.out
    total = next(line for line in ended.out.splitlines() if line.strip().startswith("total"))
    assert "4,231,976" in total
    assert "568,740,352" in total


def test_a_narrow_terminal_loses_columns_and_no_figures(
    keiryo: Callable[..., Finished], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    out = keiryo("weigh", "mobilenet_v1", "--layers").out
    assert "Too wide for the terminal: other, type" in out
    assert "pointwise.convolution" in out
    assert "568,740,352" in out
    assert "…" not in out


def test_layers_of_densenet_are_named_by_block_layer_and_transition(
    keiryo: Callable[..., Finished],
) -> None:
    out = keiryo("weigh", "densenet:layers=2-2", "--input", "3x32x32", "--layers").out
    for words in ("dense block 1", "dense block 2", "transition", "layer 2: 1.branch.5"):
        assert words in out


def test_modules_down_to_a_depth_and_the_heaviest(keiryo: Callable[..., Finished]) -> None:
    arguments = ("weigh", "densenet:layers=2-2", "--input", "3x32x32")
    rows = keiryo(*arguments, "--depth", 2).out.split("receptive field")[0]
    assert "features.1" in rows
    assert "branch" not in rows
    (heaviest,) = [
        line for line in keiryo(*arguments, "--top", 1).out.splitlines() if " % " in line
    ][:1]
    assert "branch.5" in heaviest
    # Of 18,801,664 products, 32 · 32 · 9 · 48 · 12 are those of a dense layer's 3 x 3.
    assert "5,308,416" in heaviest


def test_a_wavenet_by_its_name(keiryo: Callable[..., Finished]) -> None:
    name = "wavenet:stacks=1,layers_per_stack=3,residual_channels=4,labels=3,local_channels=2"
    (weighing,) = json.loads(keiryo("weigh", name, "--json").out)
    assert weighing["model"] == name
    assert weighing["input_shape"] == [[256, 16000], [1], [2, 16000]]
    # A window of 2 at the input, then dilations 1, 2 and 4.
    assert weighing["receptive_field"] == 1 + 1 + (1 + 2 + 4)
    assert weighing["classes"] is None


def test_batch_format_and_training(keiryo: Callable[..., Finished]) -> None:
    arguments = ("mobilenet_v2:width=0.5", "--input", "3x32x32", "--classes", 5)
    one, eight = (
        json.loads(keiryo("weigh", *arguments, *more, "--json").out)[0]
        for more in ((), ("--batch", 8, "--dtype", "bfloat16", "--training"))
    )
    assert (eight["batch"], eight["dtype"]) == (8, "bfloat16")
    assert eight["macs"] == 8 * one["macs"]
    assert 2 * eight["activation_bytes"] == 8 * one["activation_bytes"]
    assert 2 * eight["size_bytes"] == one["size_bytes"]
    assert eight["training"]["gradient_bytes"] == 2 * one["parameters"]
    assert one["training"] is None


def test_each_row_of_a_layer_has_its_time(own: Path, keiryo: Callable[..., Finished]) -> None:
    arguments = (f"{own}:shared", "--input", "3x16x16", "--measure", "--threads", 1, "--json")
    (weighing,) = json.loads(keiryo("weigh", *arguments).out)
    first, second = (layer for layer in weighing["layers"] if layer["name"].startswith("head"))
    assert (first["name"], second["name"]) == ("head", "head#2")
    assert min(first["measured_ms"], second["measured_ms"]) > 0


def test_inputs_by_keyword_are_timed(own: Path, keiryo: Callable[..., Finished]) -> None:
    arguments = ("--classes", "none", "--input", "batch.image=3x8x8", "--measure", "--json")
    (weighing,) = json.loads(keiryo("weigh", f"{own}:Keyed", *arguments).out)
    assert weighing["layers"][0]["measured_ms"] > 0


def test_own_models(own: Path, keiryo: Callable[..., Finished]) -> None:
    good, computed, valued = json.loads(
        keiryo(
            "weigh", f"{own}:good", f"{own}:computed", f"{own}:valued", "--classes", 2, "--json"
        ).out
    )
    assert good["parameters"] == 4 * 27 + 4 + 8 + 2
    assert computed["parameters"] == good["parameters"] + 3 * 5
    assert valued["macs"] == 6
    assert any("CPU" in note for note in valued["notes"])


def test_without_a_classifier(keiryo: Callable[..., Finished]) -> None:
    (weighing,) = json.loads(keiryo("weigh", "resnet18", "--classes", "none", "--json").out)
    assert weighing["classes"] is None
    assert weighing["parameters"] == 11_689_512 - 513_000
    assert weighing["layers"][-1]["output_shape"][1] == 512


def test_a_dictionary_as_input(own: Path, keiryo: Callable[..., Finished]) -> None:
    arguments = ("--classes", "none", "--input", "batch.image=3x8x8", "--input", "batch.note=5")
    (weighing,) = json.loads(keiryo("weigh", f"{own}:Keyed", *arguments, "--json").out)
    assert weighing["macs"] == 6 * 6 * 9 * 3 * 4
    assert weighing["input_shape"] == [[3, 8, 8], [5]]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["resnet18", "--classes", "few"], "'few' is neither a whole number from 1 on nor none"),
        (["{here}/own.py:good", "--classes", "none"], "needs a value for 'classes'"),
        (["resnet18", "--input", "x=3x8x8", "--input", "x.y=3"], "x is given as an input, and as"),
        (["resnt18"], "did you mean resnet18"),
        (["resnet18", "--input", "224"], "it takes 3x224x224"),
        (["resnet18", "--input", "3xtall"], "--input 3xtall"),
        (["resnet18", "--input", "3x0x5"], "--input 3x0x5"),
        (["vgg16", "--input", "3x8x8"], "it takes 3x224x224"),
        (["vgg16", "--input", "3x8x8:half-life"], "number format 'half-life'"),
        (["vgg16", "--input", "y=3x8x8"], "unexpected keyword argument 'y'"),
        (["vgg16", "--dtype", "int8"], "int8 is no floating-point format"),
        (["wavenet:layers=3"], "wavenet has no option 'layers'"),
        (["wavenet:bias=maybe"], "bias=maybe is not possible"),
        (["wavenet:stacks=0"], "stacks: must be at least 1"),
        (["{here}/own.py:raising"], f"ValueError: on purpose ({{here}}/own.py, line {RAISES})"),
        (["resnet18", "--device-profile", "{here}/absent.json"], "absent.json: no such file"),
        (["resnet18", "--device-profile", "{here}/own.py"], "own.py: not a profile"),
    ],
)
def test_wrong_input(
    arguments: list[str], hint: str, own: Path, keiryo: Callable[..., Finished]
) -> None:
    ended = keiryo("weigh", *(argument.format(here=own.parent) for argument in arguments))
    assert ended.status == 2
    assert hint.format(here=own.parent) in ended.err
    assert len(ended.err.splitlines()) <= 2
    assert ended.out == ""


def test_the_page_is_written_once(tmp_path: Path, keiryo: Callable[..., Finished]) -> None:
    arguments = (
        "weigh",
        "mobilenet_v1",
        "vgg11",
        "--input",
        "3x32x32",
        "--html",
        "--out",
        tmp_path,
    )
    assert keiryo(*arguments).status == 0
    page = (tmp_path / "weigh.html").read_text()
    assert "pointwise convolution" in page
    assert "features.3.pointwise.convolution" in page
    again = keiryo(*arguments)
    assert (again.status, "--force" in again.err) == (2, True)
    assert keiryo(*arguments, "--force").status == 0


def test_doctor_measures_what_weigh_predicts_with(
    tmp_path: Path, keiryo: Callable[..., Finished]
) -> None:
    measured = json.loads(keiryo("doctor", "--measure", "--out", tmp_path, "--json").out)
    assert measured["profile"]["macs_per_second"] > 0
    assert measured["cores"] >= 1
    profile = tmp_path / "device-profile.json"
    (weighing,) = json.loads(
        keiryo(
            "weigh", "mobilenet_v1:width=0.25", "--input", "3x32x32",
            "--device-profile", profile, "--measure", "--json",
        ).out
    )  # fmt: skip
    predicted = [layer["predicted_ms"] for layer in weighing["layers"]]
    assert all(time > 0 for time in predicted)
    assert sum(predicted) == pytest.approx(weighing["predicted_ms"])
    assert {layer["bound"] for layer in weighing["layers"]} <= {"arithmetic", "memory", "calls"}
    assert weighing["measured_ms"] > 0
    table = keiryo("weigh", "resnet18", "--device-profile", profile, "--layers").out
    assert "bound by" in table
    again = keiryo("doctor", "--measure", "--out", tmp_path)
    assert (again.status, "--force" in again.err) == (2, True)


def test_doctor_says_what_the_machine_offers(keiryo: Callable[..., Finished]) -> None:
    out = keiryo("doctor").out
    assert "processor" in out
    assert "computes on" in out


def test_weighing_a_large_network_takes_little_memory() -> None:
    code = (
        "import resource, sys, torch\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "from keiryo.cli.main import main\n"
        "sys.argv = ['keiryo', 'weigh', 'vgg16', '--json']\n"
        "try:\n    main()\n"
        "except SystemExit:\n"
        "    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "    print(more * (1 if sys.platform == 'darwin' else 1024), file=sys.stderr)\n"
        "    print('torch._dynamo' in sys.modules, file=sys.stderr)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    more, compiler = ended.stderr.split()[-2:]
    assert int(more) < 100e6
    assert compiler == "False"
