"""One training of a few steps as each side of `benchmarks/training.py` does it."""

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

CLASSES = 5
WARMUP_STEPS = 3


class Peers(NamedTuple):
    """What a model is called elsewhere: Keras with its arguments, torchvision's likewise, timm."""

    keras: tuple[str, dict[str, Any]] | None
    torchvision: tuple[str, dict[str, Any]] | None
    timm: str


MODELS = {
    "mobilenet_v2:width=0.5": Peers(
        ("MobileNetV2", {"alpha": 0.5}), ("mobilenet_v2", {"width_mult": 0.5}), "mobilenetv2_050"
    ),
    "mobilenet_v1": Peers(("MobileNet", {}), None, "mobilenetv1_100"),
    "densenet121": Peers(("DenseNet121", {}), ("densenet121", {}), "densenet121"),
    "resnet18": Peers(None, ("resnet18", {}), "resnet18"),
    "vgg16": Peers(("VGG16", {}), ("vgg16", {}), "vgg16"),
}


def random_images(options: argparse.Namespace) -> tuple[Any, Any]:
    """Return random images (N, size, size, 3), uint8, and labels (N,), for all steps."""
    import numpy as np

    random = np.random.default_rng(0)
    count = options.batch * (options.steps + WARMUP_STEPS)
    images = random.integers(0, 256, (count, options.size, options.size, 3), dtype=np.uint8)
    return images, random.integers(0, CLASSES, count)


def summarize(step_ends: list[float], batch: int) -> dict[str, float]:
    """Return the rate of the median step after the warm-up, and the peak memory."""
    import resource

    steps = [after - before for before, after in itertools.pairwise(step_ends)]
    return {
        "images_per_second": batch / statistics.median(steps[WARMUP_STEPS - 1 :]),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def measure_keiryo(
    options: argparse.Namespace, precision: Literal["auto", "float32"] = "auto"
) -> dict[str, float]:
    """Train through keiryo's own loop, from a memory map on disk as a pack is."""
    import numpy as np
    import torch

    from keiryo.models.saved import Preprocessing
    from keiryo.train.classification.image_set import ImageSet
    from keiryo.train.device import prepare_device
    from keiryo.train.listener import TrainingListener
    from keiryo.train.recipe import RECIPES
    from one_training import train

    prepare_device(torch.device("cpu"), threads=options.threads)
    images, labels = random_images(options)
    rows = np.arange(len(labels))
    preprocessing = Preprocessing(size=options.size, mean=(0.5,) * 3, std=(0.25,) * 3)
    recipe = replace(RECIPES[options.recipe], precision=precision)
    step_ends: list[float] = []
    listener = TrainingListener(on_progress=lambda _: step_ends.append(time.perf_counter()))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        np.save(path, images)
        mapped = np.load(path, mmap_mode="r")
        image_set = ImageSet(mapped, labels, rows, rows[:1], preprocessing)
        train(options.model, image_set, recipe, batch=options.batch, listener=listener)
    return summarize(step_ends, options.batch)


def measure_keras(options: argparse.Namespace) -> dict[str, float]:
    """Train as a Keras user does: `fit` on a prefetching tf.data set, Adam at its defaults."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    images, labels = random_images(options)
    data = tf.data.Dataset.from_tensor_slices((images, labels)).batch(options.batch)
    data = data.map(lambda x, y: (tf.cast(x, tf.float32) / 127.5 - 1.0, y))
    peer = MODELS[options.model].keras
    assert peer is not None
    name, arguments = peer
    network = getattr(keras.applications, name)(
        weights=None,
        classes=CLASSES,
        input_shape=(options.size, options.size, 3),
        **arguments,
    )
    network.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    step_ends: list[float] = []
    watcher = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: step_ends.append(time.perf_counter())
    )
    network.fit(data.prefetch(2), epochs=1, verbose=0, callbacks=[watcher])
    return summarize(step_ends, options.batch)


def measure_pytorch(options: argparse.Namespace) -> dict[str, float]:
    """Train as PyTorch's introduction does, with nothing set."""
    import torch

    network = torchvision_network(options)
    return train_by_hand(
        options, network, torch.optim.Adam(network.parameters()), channels_last=False
    )


def measure_tuned(options: argparse.Namespace, *, mixed: bool = False) -> dict[str, float]:
    """Train as PyTorch's guides to speed say: channels last, fused Adam, memory that is kept."""
    import torch

    network = torchvision_network(options).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    return train_by_hand(options, network, optimizer, channels_last=True, mixed=mixed)


def measure_timm(options: argparse.Namespace) -> dict[str, float]:
    """Train timm's network with its optimiser factory, channels last as `--channels-last` does."""
    import torch

    declare()
    import timm
    from timm.optim import create_optimizer_v2

    network = timm.create_model(MODELS[options.model].timm, num_classes=CLASSES)
    network = network.to(memory_format=torch.channels_last)
    optimizer = create_optimizer_v2(network, opt="adamw", lr=1e-3, weight_decay=0.05)
    return train_by_hand(options, network, optimizer, channels_last=True)


def torchvision_network(options: argparse.Namespace) -> Any:
    """Return torchvision's network, or timm's where it has none."""
    declare()
    import timm
    import torchvision

    peers = MODELS[options.model]
    if peers.torchvision is None:
        return timm.create_model(peers.timm, num_classes=CLASSES)
    name, arguments = peers.torchvision
    return getattr(torchvision.models, name)(num_classes=CLASSES, **arguments)


def declare() -> None:
    """Let torchvision be imported beside the processor's build of PyTorch."""
    from torchvision_operators import declare_torchvision_operators

    declare_torchvision_operators()


def train_by_hand(
    options: argparse.Namespace,
    network: Any,
    optimizer: Any,
    *,
    channels_last: bool,
    mixed: bool = False,
) -> dict[str, float]:
    """Train with cross-entropy, step after step, and look at each loss, as most loops do."""
    import torch

    torch.set_num_threads(options.threads)
    network.train()
    step_ends: list[float] = []
    for images, labels in batches(options):
        # What `permute` gives of (N, H, W, C) is channels last as it stands.
        inputs = images if channels_last else images.contiguous()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
            outputs = network(inputs)
        loss = torch.nn.functional.cross_entropy(outputs.float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        step_ends.append(time.perf_counter())
    return summarize(step_ends, options.batch)


def batches(options: argparse.Namespace) -> Iterator[tuple[Any, Any]]:
    """Yield images (N, 3, H, W), float32, channels last, and labels (N,)."""
    import torch

    images, labels = random_images(options)
    for start in range(0, len(labels), options.batch):
        part = torch.from_numpy(images[start : start + options.batch])
        scaled = part.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
        yield scaled, torch.from_numpy(labels[start : start + options.batch])


SIDES = {
    "keiryo": measure_keiryo,
    "keiryo-float32": partial(measure_keiryo, precision="float32"),
    "keras": measure_keras,
    "pytorch": measure_pytorch,
    "tuned": measure_tuned,
    "tuned-bfloat16": partial(measure_tuned, mixed=True),
    "timm": measure_timm,
}
