r"""How soon keiryo reaches the accuracy that the original experiment's recipe does at its best.

    keiryo data pack FLOWERS --size 128 --out flowers-128
    .venv/bin/python benchmarks/time_to_accuracy.py flowers-128 \
        --keras-python .venv-bench/bin/python

Keras trains as the experiment did: Adam at its defaults, cross-entropy, batches of 128, nothing
varied. Its best epoch on the held-out images counts, chosen by those very images, and of its
time only what it spends training. Then keiryo trains on the same images for so many seconds,
its evaluation included, and its last epoch counts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from own_process import run


def main() -> None:
    """Run Keras, then keiryo for each number of seconds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pack", type=Path)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seconds", default="20,60,180", help="keiryo's")
    parser.add_argument("--batch", type=int, default=64, help="keiryo's; Keras's is 128")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--keras-python", default=sys.executable)
    parser.add_argument("--keras-arrays", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.keras_arrays:
        train_keras(options)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_arrays(options.pack, folder)
        command = [options.keras_python, __file__, *sys.argv[1:], "--keras-arrays", name]
        epochs: list[tuple[float, float]] = run(command)
        best = max(range(len(epochs)), key=lambda epoch: epochs[epoch][1])
        seconds, accuracy = epochs[best]
        print("| side | seconds | held out |")
        print("| --- | --- | --- |")
        which = f"its best epoch, {best + 1} of {len(epochs)}"
        print(f"| Keras, {which} | {seconds:.0f} | {accuracy:.1%} |")
        print(f"| Keras, its last | {epochs[-1][0]:.0f} | {epochs[-1][1]:.1%} |", flush=True)
        for wanted in map(float, options.seconds.split(",")):
            trial = train_keiryo(options, wanted, folder / f"out-{wanted}")
            print(
                f"| keiryo, {trial['epochs']} epochs | {trial['train_seconds']:.0f} "
                f"| {trial['val_accuracy']:.1%} |",
                flush=True,
            )


def write_arrays(place: Path, folder: Path) -> None:
    """Write the images of both sides of keiryo's own split, and their labels."""
    import numpy as np

    from keiryo.data.packs.pack import open_pack
    from keiryo.data.survey.split import split_images

    pack = open_pack(place)
    splits = split_images(pack.survey, seed=0, fold=0)
    for side, rows in (("train", splits.train), ("val", splits.val)):
        np.save(folder / f"{side}.npy", np.stack([pack.images[row] for row in rows]))
        np.save(folder / f"{side}-labels.npy", pack.labels[rows])


def train_keras(options: argparse.Namespace) -> None:
    """Print, for each epoch, the seconds of training so far and the held-out accuracy."""
    import keras
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    keras.utils.set_random_seed(0)
    sets: dict[str, Any] = {}
    for side in ("train", "val"):
        images = np.load(options.keras_arrays / f"{side}.npy")
        labels = np.load(options.keras_arrays / f"{side}-labels.npy")
        data = tf.data.Dataset.from_tensor_slices((images, labels))
        data = data.shuffle(len(labels), seed=0) if side == "train" else data
        data = data.batch(128).map(lambda x, y: (tf.cast(x, tf.float32) / 127.5 - 1.0, y))
        sets[side] = data.prefetch(2)
    network = keras.applications.MobileNetV2(
        alpha=0.5, weights=None, classes=int(labels.max()) + 1, input_shape=images.shape[1:]
    )
    network.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    epochs: list[tuple[float, float]] = []
    seconds = 0.0
    for _ in range(options.epochs):
        started = time.perf_counter()
        network.fit(sets["train"], epochs=1, verbose=0)
        seconds += time.perf_counter() - started
        epochs.append((seconds, network.evaluate(sets["val"], verbose=0)[1]))
        print(len(epochs), *epochs[-1], file=sys.stderr, flush=True)
    print(json.dumps(epochs))


def train_keiryo(options: argparse.Namespace, seconds: float, out: Path) -> dict[str, Any]:
    """Train for so many seconds, and return the trial's record."""
    command = [sys.executable, "-m", "keiryo", "train", "mobilenet_v2:width=0.5"]
    command += [str(options.pack), "--minutes", str(seconds / 60), "--batch", str(options.batch)]
    command += ["--threads", str(options.threads), "--out", str(out), "--json"]
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(printed.stdout)["trials"][0]


if __name__ == "__main__":
    main()
