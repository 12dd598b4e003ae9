"""What several rooms' tests need: small real images, and the command line."""

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import IO, NamedTuple

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


# A module runs in one process. The longest go first, so that none is left when others are idle.
LONGEST = (
    "cli/test_compare.py",
    "train/test_loop.py",
    "train/test_diagnosis.py",
    "test_written_before.py",
    "models/test_contract.py",
    "cli/test_data.py",
    "test_documentation.py",
    "cost/test_live_bytes.py",
    "data/packs/test_packing.py",
    "cli/test_wavenet_command.py",
    "comparison/test_pretrained_weights.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest modules first."""
    tests = Path(__file__).parent
    place = {tests / name: index for index, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


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


def run_command(*arguments: object) -> Finished:
    """Run the command line in this process: for fixtures that several tests share.

    The outputs hold what the processes that it starts print, as in a shell.
    """
    with ExitStack() as stack:
        monkeypatch = stack.enter_context(pytest.MonkeyPatch.context())
        monkeypatch.setattr(sys, "argv", ["keiryo", *map(str, arguments)])
        out = stack.enter_context(_output_to_file(1))
        err = stack.enter_context(_output_to_file(2))
        with (
            open(1, "w", buffering=1, encoding="utf-8", closefd=False) as stdout,
            open(2, "w", buffering=1, encoding="utf-8", closefd=False) as stderr,
            redirect_stdout(stdout),
            redirect_stderr(stderr),
            pytest.raises(SystemExit) as ended,
        ):
            main()
        for file in (out, err):
            file.seek(0)
        return Finished(int(ended.value.code or 0), out.read(), err.read())


@contextmanager
def _output_to_file(descriptor: int) -> Iterator[IO[str]]:
    kept = os.dup(descriptor)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        os.dup2(file.fileno(), descriptor)
        try:
            yield file
        finally:
            os.dup2(kept, descriptor)
            os.close(kept)


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
