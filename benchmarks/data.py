"""How fast images are made ready, against what users would take instead, in turn.

    make bench-data FLOWERS=FOLDER
    .venv/bin/python benchmarks/data.py --folder FOLDER --keras-python .venv-bench/bin/python

Each measurement is a process of its own, A B A B ..., timed from after its imports:
- packing: decoding, fitting and writing every image of a folder, with two processes;
  keiryo (which also verifies, hashes and looks for copies) against torch's DataLoader
  over Pillow. On the folder's own images and on larger ones made of them.
- batches: augmented batches at 224 pixels of the folder's images; keiryo, from its
  pack, against Keras's image_dataset_from_directory with the same augmentation by
  Keras's layers, and against the same with its images cached in memory.
- waiting: MobileNetV2 at 224 pixels trained on the pack; the rate, and how much of the
  time it waited for its images.
Printed are medians over the rounds, in images a second, and ratios pair by pair.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from own_process import run

SIZE = 224
BATCH = 128
WORKERS = 2
# name -> width and height of the images; None: the folder's own
IMAGE_SIZES: dict[str, tuple[int, int] | None] = {
    "own": None,
    "500x375": (500, 375),
    "1600x1200": (1600, 1200),
}
MADE_IMAGES = {"500x375": 5000, "1600x1200": 500}
MODEL = "mobilenet_v2:width=0.5"


def main() -> None:
    """Run all sides in turn and print tables, or one measurement where `--side` says so."""
    options = parse_options()
    if options.side:
        print(json.dumps(SIDES[options.side](options)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        options.scratch = scratch
        for part in options.parts.split(","):
            {"packing": packing, "batches": batches, "waiting": waiting}[part](options)


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--folder", required=True, help="images, CLASS/*.jpg")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=1, help="pack each image so many times")
    parser.add_argument("--parts", default="packing,batches,waiting")
    parser.add_argument("--keras-python", default=sys.executable)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, default=SIZE, help=argparse.SUPPRESS)
    parser.add_argument("--scratch", help=argparse.SUPPRESS)
    return parser.parse_args()


def packing(options: argparse.Namespace) -> None:
    """Compare packing on the folder's own images and on larger ones."""
    print(f"Packing, {WORKERS} processes, {options.rounds} rounds")
    print("| images | packed at | keiryo | DataLoader over Pillow | ratio |")
    print("| --- | --- | --- | --- | --- |")
    for name, image_size in IMAGE_SIZES.items():
        folder = options.folder
        if image_size is not None:
            folder = enlarged(options, name, image_size)
        if options.times > 1:
            folder = repeated(options, name, folder)
            name = f"{name}, {options.times} times over"
        for size in (128, SIZE) if image_size is None else (SIZE,):
            sides = in_turn(options, ("pack-keiryo", "pack-pillow"), folder=folder, size=size)
            print(f"| {name} | {size} | {row_of(sides)} |", flush=True)


def batches(options: argparse.Namespace) -> None:
    """Compare augmented batches."""
    print(f"Augmented batches of {BATCH} at {SIZE} pixels, {options.rounds} rounds")
    print("| keiryo | Keras | ratio | Keras, cached | ratio |")
    print("| --- | --- | --- | --- | --- |")
    names = ("batches-keiryo", "batches-keras", "batches-keras-cached")
    ours, keras, cached = in_turn(options, names, folder=options.folder, size=SIZE)
    medians = [statistics.median(side) for side in (ours, keras, cached)]
    ratios = [
        statistics.median(a / b for a, b in zip(ours, other, strict=True))
        for other in (keras, cached)
    ]
    print(
        f"| {medians[0]:.0f}/s | {medians[1]:.0f}/s | {ratios[0]:.1f} "
        f"| {medians[2]:.0f}/s | {ratios[1]:.1f} |",
        flush=True,
    )


def waiting(options: argparse.Namespace) -> None:
    """Say how fast a network trains on the pack, and how much of the time it waits for it."""
    print(f"{MODEL} at {SIZE} pixels, batch {BATCH}, recipe keiryo, {options.rounds} rounds")
    rates, shares = [], []
    for _ in range(options.rounds):
        figures = run_side(options, "train", folder=options.folder, size=SIZE)
        rates.append(figures["images_per_second"])
        shares.append(figures["waiting_share"])
    print(
        f"trains at {statistics.median(rates):.1f}/s, of which it waits "
        f"{100 * statistics.median(shares):.2f} % (at most {100 * max(shares):.2f} %)",
        flush=True,
    )


def in_turn(
    options: argparse.Namespace, sides: Iterable[str], *, folder: str, size: int
) -> list[list[float]]:
    """Return each side's images a second over the rounds, measured A B A B."""
    results: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(options.rounds):
        for side, rates in results.items():
            rates.append(run_side(options, side, folder=folder, size=size)["images_per_second"])
            print(f"round {number + 1}, {side}, {folder}: {rates[-1]:.0f}/s", file=sys.stderr)
    return list(results.values())


def row_of(sides: list[list[float]]) -> str:
    """Return medians and the median ratio of two sides as cells of a table."""
    ours, theirs = sides
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    return f"{statistics.median(ours):.0f}/s | {statistics.median(theirs):.0f}/s | {ratio:.2f}"


def run_side(options: argparse.Namespace, side: str, *, folder: str, size: int) -> dict[str, Any]:
    """Measure one side in a process of its own."""
    python = options.keras_python if "keras" in side else sys.executable
    command = [python, __file__, "--side", side, "--folder", folder, "--size", str(size)]
    return run([*command, "--scratch", options.scratch], keeps_memory=side == "train")


def files_in(folder: str) -> list[Path]:
    """Return all images of the folder, in order."""
    return sorted(Path(folder).glob("*/*.jpg"))


def enlarged(options: argparse.Namespace, name: str, size: tuple[int, int]) -> str:
    """Write larger images, with the grain of a photograph, and return their folder."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    grain = random.normal(0, 4, (*size[::-1], 3))
    target = Path(options.scratch) / name
    paths = files_in(options.folder)
    for path in paths[:: -(-len(paths) // MADE_IMAGES[name])]:
        image = Image.open(path).convert("RGB").resize(size, Image.Resampling.BICUBIC)
        pixels = np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)
        (target / path.parent.name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(target / path.parent.name / path.name, quality=90)
    return str(target)


def repeated(options: argparse.Namespace, name: str, folder: str) -> str:
    """Return a folder in which each image stands several times, as files of their own."""
    target = Path(options.scratch) / f"{name}-repeated"
    for path in files_in(folder):
        for number in range(options.times):
            copy = target / path.parent.name / f"{number}-{path.name}"
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    return str(target)


def measure_keiryo_packing(options: argparse.Namespace) -> dict[str, float]:
    """Pack as `keiryo data pack` does."""
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        start = time.perf_counter()
        pack = pack_images(options, Path(folder) / "pack")
        return {"images_per_second": len(pack.images) / (time.perf_counter() - start)}


def measure_pillow_packing(options: argparse.Namespace) -> dict[str, float]:
    """Decode by Pillow in torch's DataLoader and write the same array."""
    import numpy as np
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset

    size = options.size

    class ImageFiles(Dataset):
        def __init__(self) -> None:
            self.paths = files_in(options.folder)

        def __len__(self) -> int:
            return len(self.paths)

        def __getitem__(self, index: int) -> torch.Tensor:
            image = Image.open(self.paths[index]).convert("RGB")
            scale = size / min(image.size)
            width, height = (round(side * scale) for side in image.size)
            image = image.resize((width, height), Image.Resampling.BILINEAR)
            left, top = (width - size) // 2, (height - size) // 2
            cropped = image.crop((left, top, left + size, top + size))
            return torch.from_numpy(np.array(cropped))

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        start = time.perf_counter()
        dataset = ImageFiles()
        images = np.lib.format.open_memmap(
            Path(folder) / "images.npy",
            mode="w+",
            dtype=np.uint8,
            shape=(len(dataset), size, size, 3),
        )
        done = 0
        for batch in DataLoader(dataset, batch_size=64, num_workers=WORKERS):
            images[done : done + len(batch)] = batch.numpy()
            done += len(batch)
        images.flush()
        return {"images_per_second": done / (time.perf_counter() - start)}


def measure_keiryo_batches(options: argparse.Namespace) -> dict[str, float]:
    """Take the batches that a training takes, from a pack, on both cores."""
    import numpy as np

    from keiryo.data.batches.batches import BatchSampler, TrainingBatches
    from keiryo.train.recipe import RECIPES

    pack = pack_images(options, Path(options.scratch) / "pack")
    sampler = BatchSampler(
        np.arange(len(pack.images)),
        batch=BATCH,
        size=options.size,
        seed=0,
        augmentation=RECIPES["keiryo"].augmentation,
    )
    made = TrainingBatches(pack.images, pack.labels, sampler, workers=WORKERS)
    return rate_of(lambda epoch: (len(batch.labels) for batch in made.epoch(epoch)))


def measure_keras_batches(options: argparse.Namespace, *, cached: bool = False) -> dict[str, float]:
    """Read and vary images as a Keras user does."""
    import keras
    import tensorflow as tf

    data = keras.utils.image_dataset_from_directory(
        options.folder, image_size=(options.size, options.size), batch_size=BATCH, verbose=False
    )
    if cached:
        data = data.cache()
    augmentation = keras.Sequential(
        [
            # Crops of 70 to 100 % of the area, of an aspect of 3/4 to 4/3, anywhere.
            keras.layers.RandomZoom((-0.16, 0.0), (-0.16, 0.0), fill_mode="reflect"),
            keras.layers.RandomTranslation(0.08, 0.08, fill_mode="reflect"),
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomBrightness(0.2),
            keras.layers.RandomContrast(0.2),
            keras.layers.RandomSaturation((0.4, 0.6)),
        ]
    )
    data = data.map(
        lambda images, labels: (augmentation(images, training=True), labels),
        num_parallel_calls=tf.data.AUTOTUNE,
    ).prefetch(tf.data.AUTOTUNE)
    return rate_of(lambda epoch: (len(labels) for _, labels in data))


def rate_of(epoch: Callable[[int], Iterable[int]]) -> dict[str, float]:
    """Return the images a second of a second epoch, the first one being the warm-up."""
    sum(epoch(0))
    start = time.perf_counter()
    count = sum(epoch(1))
    return {"images_per_second": count / (time.perf_counter() - start)}


def measure_training(options: argparse.Namespace) -> dict[str, float]:
    """Train through keiryo's own loop for some steps."""
    import torch

    from keiryo.data.packs.channel_statistics import channel_statistics
    from keiryo.models.saved import Preprocessing
    from keiryo.train.classification.image_set import ImageSet
    from keiryo.train.device import prepare_device
    from keiryo.train.recipe import RECIPES
    from one_training import train

    prepare_device(torch.device("cpu"), threads=WORKERS)
    pack = pack_images(options, Path(options.scratch) / "pack")
    rows = torch.randperm(len(pack.images))[: 10 * BATCH].numpy()
    mean, std = channel_statistics(pack.images, rows)
    preprocessing = Preprocessing(size=options.size, mean=mean, std=std)
    image_set = ImageSet(pack.images, pack.labels, rows, rows[:1], preprocessing)
    training = train(MODEL, image_set, RECIPES["keiryo"], batch=BATCH)
    return {
        "images_per_second": training.examples_per_second(),
        "waiting_share": training.waiting_share(),
    }


def pack_images(options: argparse.Namespace, place: Path) -> Any:
    """Return the pack of the folder's images at `place`, made there unless it is."""
    from keiryo.data.locate import locate
    from keiryo.data.packs.packing import prepare_pack

    source = locate(options.folder)
    return prepare_pack(source, size=options.size, fit="crop", folder=place, workers=WORKERS)


SIDES: dict[str, Callable[[argparse.Namespace], dict[str, float]]] = {
    "pack-keiryo": measure_keiryo_packing,
    "pack-pillow": measure_pillow_packing,
    "batches-keiryo": measure_keiryo_batches,
    "batches-keras": measure_keras_batches,
    "batches-keras-cached": lambda options: measure_keras_batches(options, cached=True),
    "train": measure_training,
}


if __name__ == "__main__":
    main()
