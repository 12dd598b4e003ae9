"""`python -m keiryo_runtime MODEL IMAGE...`: labels for images."""

import argparse
import csv
import json
import sys
from pathlib import Path

from keiryo_runtime.decoding import UnreadableImageError
from keiryo_runtime.predictor import Guess, ModelError, load

EXIT_INPUT = 2
STANDARD_INPUT = "-"
SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
)


def main() -> int:
    """Print the likeliest classes of each image; return 0, or 2 if an image cannot be read."""
    parser = argparse.ArgumentParser(
        prog="python -m keiryo_runtime", description="Classify images with an exported model."
    )
    parser.add_argument("model", metavar="MODEL", help="ONNX file that `keiryo export` wrote")
    parser.add_argument(
        "images", metavar="IMAGE", nargs="+", help="image file, folder of images, or - for stdin"
    )
    parser.add_argument("--top", type=int, default=1, help="number of classes for each image")
    parser.add_argument("--threads", type=int, default=1, help="number of processor threads")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="print CSV")
    given = parser.parse_args()
    try:
        predictor = load(given.model, threads=max(1, given.threads))
    except ModelError as error:
        print(error, file=sys.stderr)
        return EXIT_INPUT
    answers: list[tuple[str, list[Guess]]] = []
    status = 0
    for name in _list_images(given.images):
        image = sys.stdin.buffer.read() if name == STANDARD_INPUT else name
        try:
            answers.append((name, predictor.predict(image)[: max(1, given.top)]))
        except UnreadableImageError as error:
            print(error if name in str(error) else f"{name}: {error}", file=sys.stderr)
            status = EXIT_INPUT
    _print(answers, as_json=given.json, as_csv=given.csv)
    return status


def _list_images(places: list[str]) -> list[str]:
    names: list[str] = []
    for place in places:
        if Path(place).is_dir():
            below = sorted(Path(place).rglob("*"))
            names += [str(path) for path in below if path.suffix.lower() in SUFFIXES]
        else:
            names.append(place)
    return names


def _print(answers: list[tuple[str, list[Guess]]], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        document = [
            {"image": name, "labels": [vars(guess) for guess in guesses]}
            for name, guesses in answers
        ]
        print(json.dumps(document, ensure_ascii=False, indent=2))
    elif as_csv:
        table = csv.writer(sys.stdout, lineterminator="\n")
        table.writerow(["image", "rank", "label", "probability"])
        for name, guesses in answers:
            for rank, guess in enumerate(guesses, 1):
                table.writerow([name, rank, guess.label, guess.probability])
    else:
        for name, guesses in answers:
            labels = "  ".join(f"{guess.label} {guess.probability:.1%}" for guess in guesses)
            print(f"{name}: {labels}")


if __name__ == "__main__":
    sys.exit(main())
