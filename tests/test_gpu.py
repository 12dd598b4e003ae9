"""What is promised of processors holds of a CUDA device; where there is none, nothing is run."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from conftest import Finished
from image_trainings import small_image_set, stop_after
from keiryo.audio.generation.buffered import BufferedStepper
from keiryo.audio.generation.cuda_graph import CudaGraphStepper
from keiryo.audio.generation.sampling import Draws
from keiryo.data.augmentation.amounts import Augmentation
from keiryo.data.batches.batches import BatchSampler
from keiryo.data.batches.device_batches import DeviceBatch, DeviceBatches
from keiryo.data.sources.petals import CLASSES
from keiryo.models.spec import build
from keiryo.train.budget import Budget
from keiryo.train.classification import task as classification_task
from keiryo.train.classification.image_set import ImageSet
from keiryo.train.classification.recorded_pass import PassFigures, PassRecorder
from keiryo.train.classification.task import ImageTask
from keiryo.train.device import prepare_device
from keiryo.train.listener import TrainingListener
from keiryo.train.loop import Training
from keiryo.train.optimizer.muon import orthogonalize
from keiryo.train.recipe import RECIPES
from wavenets import OPTIONS, small_wavenet

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

SIZE = 32
STRONG = Augmentation(rotation=10.0, mixup=0.4, cutmix=1.0, random_operations=2)
RECIPE = replace(RECIPES["keiryo"], augmentation=STRONG, learning_rate=1e-3)
MODELS = (
    "mobilenet_v2:width=0.5",
    "resnet18",
    "densenet:layers=2-2,growth=8",
    "vgg11:norm=batch",
)


@pytest.fixture(scope="module")
def image_set() -> ImageSet:
    return small_image_set(size=SIZE, train=60, val=20)


def training_of(
    model: str,
    image_set: ImageSet,
    *,
    device: str = "cuda",
    checkpoint: Path | None = None,
    save_memory: bool = False,
    precision: str = "auto",
) -> Training:
    prepare_device(torch.device(device), threads=2)
    torch.manual_seed(1)
    task = ImageTask(
        build(model, classes=len(CLASSES)),
        image_set,
        recipe=replace(RECIPE, precision=precision),
        batch=16,
        seed=1,
        device=torch.device(device),
        save_memory=save_memory,
    )
    return Training(task, budget=Budget(epochs=3), checkpoint=checkpoint)


def weights_of(training: Training) -> dict[str, torch.Tensor]:
    return {name: t.cpu() for name, t in training.trained_network.state_dict().items()}


def assert_same_bits(first: Training, second: Training) -> None:
    for (name, one), other in zip(
        weights_of(first).items(), weights_of(second).values(), strict=True
    ):
        assert torch.equal(one, other), name


@pytest.mark.parametrize("model", MODELS)
def test_the_same_seed_gives_the_same_bits_after_a_stop_too(
    model: str, image_set: ImageSet, tmp_path: Path
) -> None:
    whole = training_of(model, image_set)
    assert whole.run(TrainingListener())
    again = training_of(model, image_set)
    assert again.run(TrainingListener())
    assert_same_bits(whole, again)
    checkpoint = tmp_path / "checkpoint.safetensors"
    stopped = training_of(model, image_set, checkpoint=checkpoint)
    assert not stopped.run(TrainingListener(wants_stop=stop_after(4)))
    resumed = training_of(model, image_set, checkpoint=checkpoint)
    assert resumed.run(TrainingListener())
    assert_same_bits(whole, resumed)


@pytest.mark.parametrize("model", MODELS)
def test_recorded_steps_give_the_bits_of_plain_ones(
    model: str, image_set: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = training_of(model, image_set)
    assert recorded.run(TrainingListener())
    monkeypatch.setattr(classification_task, "can_be_recorded", lambda network: False)
    plain = training_of(model, image_set)
    assert plain.run(TrainingListener())
    assert_same_bits(recorded, plain)


def test_passes_are_replayed_from_the_fourth_on(image_set: ImageSet) -> None:
    network = build("resnet18", classes=len(CLASSES)).cuda()
    recorder = PassRecorder(network)
    passes = 0

    def run_pass(inputs: torch.Tensor, batch: DeviceBatch) -> PassFigures:
        nonlocal passes
        passes += 1
        logits = network(inputs)
        loss = nn.functional.cross_entropy(logits, batch.labels)
        loss.backward()
        return PassFigures(loss.detach(), (logits.argmax(1) == batch.labels).sum())

    random = torch.Generator().manual_seed(0)
    for size in (SIZE, 2 * SIZE):
        for _ in range(6):
            inputs = torch.randn(8, 3, size, size, generator=random).cuda()
            labels = torch.randint(0, len(CLASSES), (8,), generator=random).cuda()
            network.zero_grad(set_to_none=True)
            figures = recorder.run(run_pass, inputs, DeviceBatch(inputs, labels))
            with torch.no_grad():
                expected = nn.functional.cross_entropy(network(inputs), labels)
            assert figures.loss.item() == pytest.approx(expected.item(), rel=1e-3)
            assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
        assert recorder.recordings == 1
    assert passes == 2 * 4  # three plain ones, and one to record


def test_memory_is_saved_without_changing_a_bit(image_set: ImageSet) -> None:
    plain = training_of("mobilenet_v2:width=0.5", image_set)
    assert plain.run(TrainingListener())
    saving = training_of("mobilenet_v2:width=0.5", image_set, save_memory=True)
    assert saving.run(TrainingListener())
    assert_same_bits(plain, saving)


@pytest.mark.parametrize("model", MODELS)
def test_the_first_steps_are_those_of_the_processor(model: str, image_set: ImageSet) -> None:
    losses = []
    for device in ("cpu", "cuda"):
        training = training_of(model, image_set, device=device, precision="float32")
        for layer in training.task.network.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0  # each device draws other random numbers
        training.run(TrainingListener(wants_stop=stop_after(3)))
        losses.append([snapshot.loss for snapshot in training.position.snapshots])
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_it_evaluates_as_the_processor_does(image_set: ImageSet) -> None:
    training = training_of("mobilenet_v2:width=0.5", image_set)
    assert training.run(TrainingListener())
    network = training.trained_network
    found = training.task.evaluate(network, 1.0)  # in float32
    moved = ImageTask(
        network.cpu(), image_set, recipe=RECIPE, batch=16, seed=1, device=torch.device("cpu")
    )
    expected = moved.evaluate(network, 1.0)
    assert found.loss == pytest.approx(expected.loss, rel=1e-3)


@pytest.mark.parametrize("free_bytes", [0, 1 << 40])
def test_batches_are_those_of_the_processor(image_set: ImageSet, free_bytes: int) -> None:
    made = []
    for device in ("cpu", "cuda"):
        rows = image_set.train
        sampler = BatchSampler(rows, batch=16, size=SIZE, seed=0, augmentation=STRONG)
        batches = DeviceBatches(
            image_set.images,
            image_set.labels,
            sampler,
            device=torch.device(device),
            free_bytes=free_bytes,
        )
        made.append([batch.images.cpu().int() for batch in batches.epoch(0)])
    for expected, found in zip(*made, strict=True):
        # A value halfway between two may be rounded to either, and operations enlarge that.
        assert ((expected - found).abs() > 1).float().mean() < 0.01


def test_momentum_is_orthogonalized_in_bfloat16() -> None:
    matrices = torch.randn(3, 16, 40, generator=torch.Generator().manual_seed(0))
    found = orthogonalize(matrices.cuda()).cpu()
    assert (found - orthogonalize(matrices)).norm() < 0.02 * found.norm()


@pytest.mark.parametrize("option", OPTIONS)
def test_a_recorded_step_makes_the_samples_of_a_step(option: str) -> None:
    given = small_wavenet(option, streams=3)
    network = given.network.cuda()
    conditions = {
        "labels": None if given.labels is None else given.labels.cuda(),
        "local": None if given.local is None else given.local.cuda(),
    }
    draws = Draws(0, 3, network.configuration).take(1500)
    recorded = CudaGraphStepper(network, streams=3, **conditions).advance(draws, keep_outputs=True)
    plain = BufferedStepper(network, streams=3, **conditions).advance(draws, keep_outputs=True)
    np.testing.assert_array_equal(recorded.samples, plain.samples)
    np.testing.assert_array_equal(recorded.outputs, plain.outputs)


def test_a_comparison_on_the_device_ends_in_files_that_run(
    keiryo: Callable[..., Finished], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ["--models", "mobilenet_v2:width=0.5,resnet18", "--epochs", 2, "--size", SIZE]
    options += ["--device", "cuda", "--wait-for-quiet", 0, "--seeds", 2]
    options += ["--engine", "torch"]
    finished = keiryo("compare", "petals:count=200", "--out", out, *options)
    assert finished.status == 0, finished.err
    results = json.loads((out / "results.json").read_text())
    assert len(results["trials"]) == 4
    for trial in results["trials"]:
        assert trial["latency_ms"]["device"] == "cuda"
        assert trial["peak_memory_bytes"] > 0
    exported = keiryo("export", out, "--to", "onnx", "--allow", "--json")
    assert exported.status == 0, exported.err


def test_commands_measure_the_device(keiryo: Callable[..., Finished], tmp_path: Path) -> None:
    model = "mobilenet_v2:width=0.5"
    for more in ([], ["--training", "--batch", 8]):
        command = ["bench", model, "--device", "cuda", "--size", 32, "--json", *more]
        finished = keiryo(*command, "--wait-for-quiet", 0)
        assert finished.status == 0, finished.err
        assert '"cuda"' in finished.out
    finished = keiryo("doctor", "--device", "cuda", "--measure", "--out", tmp_path)
    assert finished.status == 0, finished.err


def test_a_wavenet_is_trained_and_heard(keiryo: Callable[..., Finished], tmp_path: Path) -> None:
    out = tmp_path / "sounds"
    size = ["--stacks", 2, "--layers", 3, "--residual", 8, "--skip", 8]
    data = "tones:count=12,seconds=0.2"
    trained = keiryo(
        "wavenet", "train", data, "--out", out, "--epochs", 1, "--device", "cuda", *size
    )
    assert trained.status == 0, trained.err
