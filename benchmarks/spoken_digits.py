"""Whether generated digits are recognised as the digit asked for, by a classifier of spectrograms.

    keiryo wavenet train FOLDER --condition '(?P<digit>\\d)_(?P<speaker>[a-z]+)_' --out voices
    .venv/bin/python benchmarks/spoken_digits.py voices --out digits

The classifier is trained by `keiryo compare` on spectrograms of the recordings that the WaveNet
was trained on; what it makes of the held-out ones is the most that can be hoped for. Generated
digits last as long as a recording of the same digit and speaker, drawn at random.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

import keiryo
from keiryo.audio.generation.sampling import Sampling
from keiryo.audio.generation.sound import make_sound
from keiryo.audio.plan import PACK_FOLDER
from keiryo.audio.saved import load_wavenet
from keiryo.recordings.mu_law import decode
from keiryo.recordings.pack import open_recording_pack
from keiryo.recordings.split import split_recordings
from keiryo.report.png.spectrograms import spectrogram

SIDE = 64
SHOWN_SECONDS = 0.8
SHOWN_DB = 60.0


def main() -> None:
    """Train the classifier, generate, print how many were recognised."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("training", type=Path, help="the --out of a `keiryo wavenet train`")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--label", default="digit", help="the condition to recognise")
    parser.add_argument("--model", default="resnet18", help="the classifier")
    parser.add_argument("--epochs", type=int, default=20, help="of the classifier")
    parser.add_argument("--each", type=int, default=5, help="sounds for each set of conditions")
    parser.add_argument("--temperatures", default="1,0.9,0.8")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    network, description = load_wavenet(options.training)
    pack = open_recording_pack(options.training / PACK_FOLDER)
    names = [category.name for category in pack.categories]
    position = names.index(options.label)
    values = pack.categories[position].values
    splits = split_recordings(pack, seed=0)
    images = options.out / "spectrograms"
    for split, rows in (("train", splits.train), ("val", splits.val)):
        for row in rows:
            folder = images / split / values[pack.labels[row][position]]
            folder.mkdir(parents=True, exist_ok=True)
            sound = decode(pack.recording(int(row)))
            write_image(folder / f"{row}.png", sound, pack.rate)
    comparison = keiryo.compare(
        images,
        [options.model],
        size=SIDE,
        epochs=options.epochs,
        batch=64,
        augment="flip=0,rotation=0",
        fit="stretch",
        threads=options.threads,
        out=options.out / "classifier",
        force=True,
    )
    trial = comparison.trials[0]
    print(f"held-out recordings: {trial.val_accuracy:.1%} of {len(splits.val)} recognised")
    predictor = keiryo.load(options.out / "classifier" / trial.folder)
    for temperature in map(float, options.temperatures.split(",")):
        folder = options.out / f"generated-{temperature:g}"
        folder.mkdir(exist_ok=True)
        right: dict[str, list[bool]] = {}
        combinations = np.unique(pack.labels[splits.train], axis=0)
        for number, labels in enumerate(combinations):
            same = (pack.labels[splits.train] == labels).all(axis=1)
            lengths = pack.counts[splits.train][same]
            random = np.random.default_rng(number)
            samples = random.choice(lengths, options.each)
            pieces = make_sound(
                network,
                int(samples.max()),
                labels=labels.tolist(),
                streams=options.each,
                sampling=Sampling(temperature, 1.0),
                seed=number,
                threads=options.threads,
            )
            sounds = np.concatenate(list(pieces), axis=1)
            for index, (sound, length) in enumerate(zip(sounds, samples, strict=True)):
                path = folder / f"{number:03d}_{index}.png"
                write_image(path, sound[:length], description.rate)
                asked = values[labels[position]]
                found = predictor.predict_file(path)[0].label
                right.setdefault(asked, []).append(found == asked)
        everything = np.concatenate(list(right.values()))
        each = ", ".join(f"{value} {np.mean(hits):.0%}" for value, hits in sorted(right.items()))
        print(
            f"generated at temperature {temperature:g}: {everything.mean():.1%} of "
            f"{len(everything)} recognised (chance {1 / len(values):.0%}): {each}"
        )


def write_image(path: Path, sound: np.ndarray, rate: int) -> None:
    """Write the spectrogram of `sound` (T,) as a grey square, its loudest at white."""
    padded = np.zeros(round(SHOWN_SECONDS * rate))
    padded[: len(sound)] = sound[: len(padded)]
    levels, _ = spectrogram(padded, rate)
    grey = np.clip(1 + (levels - levels.max()) / SHOWN_DB, 0, 1) * 255
    square = cv2.resize(grey.T[::-1].astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), square)


if __name__ == "__main__":
    main()
