"""What several rooms' tests need: small real images, and the command line."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

# Before PyTorch is imported, here and in the processes that tests start: of two processes with
# two threads each, one would otherwise spin on the core that the other computes on.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
import torch
from hypothesis import settings
from PIL import Image

from keiryo.cli.main import main
from keiryo.data.sources.petals import CLASSES, draw_image
from keiryo.models.saved import MODEL_FILE, Preprocessing, SavedModel, save_model
from keiryo.models.spec import build

# Several processes run the tests, one per core.
torch.set_num_threads(1)
# A shell's job in the background ignores interrupts, and so would the processes that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# How long an example takes says nothing on a machine that others use too.
settings.register_profile("keiryo", deadline=None)
settings.load_profile("keiryo")


def slow_if(slow: bool, *values: object) -> pytest.ParameterSet:
    """Return a test's parameters, which only `make test-all` runs if `slow`."""
    return pytest.param(*values, marks=[pytest.mark.slow] if slow else [])


class Finished(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def keiryo(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Finished]:
    """Run the command line in this process, as a shell would."""

    def run(*arguments: object) -> Finished:
        monkeypatch.setattr(sys, "argv", ["keiryo", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Finished(int(ended.value.code or 0), captured.out, captured.err)

    return run


def write_images(folder: Path, *, classes: int, each: int, size: int = 40) -> Path:
    """Write `each` JPEG images for each of the first `classes` petals classes."""
    for label in range(classes):
        class_folder = folder / CLASSES[label]
        class_folder.mkdir(parents=True, exist_ok=True)
        for index in range(each):
            pixels = draw_image(label, size=size, seed=(label, index))
            Image.fromarray(pixels).save(class_folder / f"{index:03d}.jpg", quality=92)
    return folder


@pytest.fixture(scope="session")
def flower_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three classes with 16 images each; not to be changed."""
    return write_images(tmp_path_factory.mktemp("flowers"), classes=3, each=16)


@pytest.fixture(scope="session")
def trial_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small trained model; not to be changed."""
    folder = tmp_path_factory.mktemp("trial")
    torch.manual_seed(0)
    description = SavedModel(
        keiryo_version="0",
        model="mobilenet_v2:width=0.35",
        classes=["rose", "薔薇", "tulip"],
        preprocessing=Preprocessing(size=32, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3)),
    )
    network = build(description.model, classes=3)
    with torch.no_grad():
        network.classifier.weight.mul_(50)  # so that the classes differ  # pyright: ignore
    save_model(folder / MODEL_FILE, network, description)
    return folder
