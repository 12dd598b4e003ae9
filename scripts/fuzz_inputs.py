"""Damage inputs at random and check that each is read, or refused in words.

    python scripts/fuzz_inputs.py --count 7000 --seed 1

Takes images and recordings in several formats, CSVs, trained networks, packs, plans and a
checkpoint in turns, and damages a copy each time. An input may be read, listed as unreadable or
refused with InputError in at most three lines, within a time, and without a line on standard error.
Everything else is printed with its number, is kept in `--keep` if that is given, and makes the exit
status 1.
"""

import argparse
import io
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import soundfile
from PIL import Image

from keiryo import train_wavenet
from keiryo.audio.plan import CHECKPOINT_FILE, PLAN_FILE, resume_plan
from keiryo.audio.saved import load_wavenet
from keiryo.cli.parameters.configuration import read_configuration
from keiryo.comparison.plan import make_plan, read_plan
from keiryo.data.image.decoding import UnreadableImageError, decode_image
from keiryo.data.image.facts import examine
from keiryo.data.image.fit import fit_image
from keiryo.data.locate import locate
from keiryo.data.packs.pack import open_pack
from keiryo.data.packs.packing import prepare_pack
from keiryo.errors import InputError
from keiryo.models.saved import MODEL_FILE, Preprocessing, SavedModel, load_model, save_model
from keiryo.models.spec import build
from keiryo.processes import hide_library_remarks
from keiryo.recordings.forming import read_recording
from keiryo.recordings.locate import locate_recordings
from keiryo.recordings.pack import open_recording_pack
from keiryo.recordings.packing import prepare_recording_pack
from keiryo.version import __version__

MOST_LINES = 3
LONGEST_SECONDS = 20.0
MODEL = "mobilenet_v1:width=0.125"
RATE = 8000
SOUND_FORMATS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".aiff": "AIFF", ".mp3": "MP3"}
# Numbers at which formats and programs err.
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
WORDS = (b"", b"null", b"-1", b"1e999", b"[]", b"{}", b'"', b"\0", b"\xff", b",", b"true", b"NaN")
# libjpeg remarks on a damaged scan while it fills it in; the processes that read sets drop this.
LIBJPEG_REMARKS = ("Corrupt JPEG data", "Invalid SOS parameters", "Premature end of JPEG")
Check = Callable[[bytes], None]


def main() -> None:
    """Damage `--count` inputs; exit with status 1 if one was neither read nor refused."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=7000, help="number of damaged inputs")
    parser.add_argument("--seed", type=int, default=1, help="the damage follows from it")
    parser.add_argument("--keep", type=Path, help="folder for the inputs that were not refused")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        cases = make_cases(Path(place))
        outcomes, faults = fuzz(cases, given.count, given.seed, given.keep)
    for (name, outcome), number in sorted(outcomes.items()):
        print(f"{name}: {number} {outcome}")
    print(f"{given.count} inputs, seed {given.seed}: {faults} neither read nor refused in words")
    sys.exit(1 if faults else 0)


def fuzz(
    cases: dict[str, tuple[bytes, Check]], count: int, seed: int, keep: Path | None = None
) -> tuple[Counter[tuple[str, str]], int]:
    """Check `count` damaged copies of the cases, which are whole inputs by name, each with a check.

    Returns the number of each outcome, and that of the faults.
    """
    outcomes: Counter[tuple[str, str]] = Counter()
    faults = 0
    names = list(cases)
    for number in range(count):
        name = names[number % len(names)]
        whole, check = cases[name]
        damaged = damage(whole, random.Random(f"{seed} {number}"))
        outcome, fault = judge(check, damaged)
        outcomes[name, outcome] += 1
        if fault:
            faults += 1
            print(f"{name}, input {number}: {fault}", flush=True)
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{number}-{name}").write_bytes(damaged)
    return outcomes, faults


def judge(check: Check, damaged: bytes) -> tuple[str, str]:
    """Return the outcome of a check, and the fault in words; empty: there is none."""
    begun = time.monotonic()
    outcome, fault = "read", ""
    with tempfile.TemporaryFile() as said:
        before = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            check(damaged)
        except UnreadableImageError:
            outcome = "unreadable"
        except InputError as error:
            outcome = "refused"
            if str(error).count("\n") >= MOST_LINES:
                fault = f"refused in more than {MOST_LINES} lines: {error}"
        except Exception as error:  # any other exception is what this looks for
            outcome, fault = "failed", repr(error)
        finally:
            sys.stderr.flush()
            os.dup2(before, 2)
            os.close(before)
        said.seek(0)
        lines = said.read().decode(errors="replace").strip()
    if outcome == "read" and lines.startswith(LIBJPEG_REMARKS):
        outcome = "read, with a remark by libjpeg"
    elif lines and not fault:
        fault = f"on standard error: {lines[:200]}"
    if time.monotonic() - begun > LONGEST_SECONDS:
        fault = fault or f"took {time.monotonic() - begun:.0f} s"
    return outcome, fault


def damage(whole: bytes, chance: random.Random) -> bytes:
    """Return `whole` with one to eight damages."""
    data = bytearray(whole)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        place = chance.randrange(len(data) + 1)
        # Headers decide more than what follows.
        place = min(place, chance.choice((16, 64, 512, len(data))))
        length = chance.choice((1, 2, 4, 16, 256))
        kind = chance.randrange(7)
        if kind == 0:
            data[place : place + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del data[place : place + length]
        elif kind == 2:
            data[place:place] = chance.randbytes(length)
        elif kind == 3:
            del data[place:]
        elif kind == 4:
            data[place:place] = data[place : place + length]
        elif kind == 5:
            width = chance.choice((1, 2, 4))
            number = chance.choice(NUMBERS) % 256**width
            data[place : place + width] = number.to_bytes(width, chance.choice(("big", "little")))
        else:
            data[place : place + length] = chance.choice(WORDS)
    return bytes(data)


def make_cases(folder: Path) -> dict[str, tuple[bytes, Check]]:
    """Return whole inputs by name, each with the check of a damaged copy; `folder` is for both."""
    return {
        **{f"image{suffix}": image_case(suffix) for suffix in (".jpg", ".png", ".webp", ".gif")},
        **{f"image{suffix}": image_case(suffix) for suffix in (".bmp", ".avif", ".jp2", ".ppm")},
        "deep.png": deep_case(".png", np.uint16),
        "deep.tif": deep_case(".tif", np.float32),
        "set.csv": table_case(folder / "table"),
        "model.safetensors": model_case(folder / "model"),
        "pack.json": pack_case(folder / "pack", "pack.json"),
        "images.npy": pack_case(folder / "images", "images.npy"),
        "plan.json": plan_case(folder / "plan"),
        "options.toml": options_case(folder / "options"),
        **{f"recording{suffix}": recording_case(folder, suffix) for suffix in SOUND_FORMATS},
        "recordings.csv": recording_table_case(folder / "recording_table"),
        "recordings.json": recording_pack_case(folder / "recording_pack", "recordings.json"),
        "codes.npy": recording_pack_case(folder / "codes", "codes.npy"),
        **{f"wavenet {name}": wavenet_case(folder / f"of {name}", name) for name in WAVENET_FILES},
    }


def image_case(suffix: str) -> tuple[bytes, Check]:
    """Return a photograph-like image in the format of `suffix`, and the check of one."""
    file = io.BytesIO()
    image = Image.fromarray(pixels())
    exif = Image.Exif()
    exif[0x0112] = 6  # turned
    image.save(file, {".jpg": "JPEG", ".jp2": "JPEG2000"}.get(suffix, suffix[1:]), exif=exif)
    return file.getvalue(), lambda data: check_image(data, suffix)


def deep_case(suffix: str, kind: type) -> tuple[bytes, Check]:
    """Return an image of more than 8 bits, of samples of type `kind`, and the check of one."""
    encoded = cv2.imencode(suffix, pixels().astype(kind) * 16)[1].tobytes()
    return encoded, lambda data: check_image(data, suffix)


def table_case(folder: Path) -> tuple[bytes, Check]:
    """Return a CSV of existing images, and the check of one."""
    folder.mkdir()
    for number in range(4):
        Image.fromarray(pixels()).save(folder / f"{number}.png")
    rows = "\n".join(f"{n}.png,{'ab'[n % 2]},{('train', 'val')[n // 2]}" for n in range(4))

    def check(data: bytes) -> None:
        (folder / "set.csv").write_bytes(data)
        locate(str(folder / "set.csv"))

    return f"path,label,split\n{rows}\n".encode(), check


def model_case(folder: Path) -> tuple[bytes, Check]:
    """Return the file of a network, and the check of one."""
    folder.mkdir()
    file = folder / "model.safetensors"
    means = (0.5, 0.5, 0.5)
    description = SavedModel(
        keiryo_version=__version__,
        model=MODEL,
        classes=["a", "b"],
        preprocessing=Preprocessing(size=32, mean=means, std=means),
    )
    save_model(file, build(MODEL, classes=2), description)

    def check(data: bytes) -> None:
        file.write_bytes(data)
        load_model(file)

    return file.read_bytes(), check


def pack_case(folder: Path, name: str) -> tuple[bytes, Check]:
    """Return the file `name` of a pack in `folder`, and the check of one."""
    prepare_pack(locate("petals:count=10"), size=8, fit="crop", folder=folder, workers=1)

    def check(data: bytes) -> None:
        (folder / name).write_bytes(data)
        open_pack(folder)

    return (folder / name).read_bytes(), check


def plan_case(folder: Path) -> tuple[bytes, Check]:
    """Return the plan of a comparison, and the check of one."""
    folder.mkdir()
    plan = make_plan({"data": "petals", "models": [MODEL]})

    def check(data: bytes) -> None:
        (folder / "plan.json").write_bytes(data)
        read_plan(folder)

    return plan.model_dump_json(indent=2).encode(), check


def options_case(folder: Path) -> tuple[bytes, Check]:
    """Return a TOML file of options, and the check of one."""
    folder.mkdir()

    def check(data: bytes) -> None:
        (folder / "options.toml").write_bytes(data)
        read_configuration(folder / "options.toml", ["models", "epochs", "minutes", "out"])

    return b'models = ["vgg16", "resnet18"]\nepochs = 30\nout = "runs/first"\n', check


def recording_case(folder: Path, suffix: str) -> tuple[bytes, Check]:
    """Return a recording in the format of `suffix`, and the check of one."""
    path = folder / f"recording{suffix}"
    soundfile.write(path, sound(), RATE, format=SOUND_FORMATS[suffix])

    def check(data: bytes) -> None:
        path.write_bytes(data)
        with hide_library_remarks():
            read_recording(path)

    return path.read_bytes(), check


def recording_table_case(folder: Path) -> tuple[bytes, Check]:
    """Return a CSV of existing recordings, and the check of one."""
    folder.mkdir()
    for number in range(4):
        soundfile.write(folder / f"{number}.wav", sound(), RATE)
    rows = "\n".join(f"{n}.wav,{'ab'[n % 2]},{('train', 'val')[n // 2]}" for n in range(4))

    def check(data: bytes) -> None:
        (folder / "set.csv").write_bytes(data)
        locate_recordings(str(folder / "set.csv"))

    return f"path,speaker,split\n{rows}\n".encode(), check


def recording_pack_case(folder: Path, name: str) -> tuple[bytes, Check]:
    """Return the file `name` of a pack of recordings in `folder`, and the check of one."""
    prepare_recording_pack(locate_recordings("tones:count=10,seconds=0.1"), folder=folder)

    def check(data: bytes) -> None:
        (folder / name).write_bytes(data)
        open_recording_pack(folder)

    return (folder / name).read_bytes(), check


def wavenet_case(folder: Path, name: str) -> tuple[bytes, Check]:
    """Return the file `name` of a WaveNet's training, and the check of one."""
    read = WAVENET_FILES[name]
    options = {"data": "tones:count=10,seconds=0.1", "epochs": 1, "stacks": 1, "layers": 2}
    sizes = {"residual": 4, "skip": 4, "threads": 1}
    train_wavenet(out=folder, progress=False, **options, **sizes)
    if name == CHECKPOINT_FILE:
        (folder / MODEL_FILE).unlink()

    def check(data: bytes) -> None:
        (folder / name).write_bytes(data)
        read(folder)

    return (folder / name).read_bytes(), check


# The files of a WaveNet's training, each with what reads the folder that it lies in.
WAVENET_FILES: dict[str, Callable[[Path], object]] = {
    PLAN_FILE: lambda folder: resume_plan({}, folder),
    MODEL_FILE: load_wavenet,
    CHECKPOINT_FILE: load_wavenet,
}


def check_image(data: bytes, suffix: str) -> None:
    """Decode, examine and fit an image."""
    decoded = decode_image(data, suffix=suffix)
    examine(decoded)
    fit_image(decoded.pixels, 16, "crop")


def sound() -> np.ndarray:
    """Return a tone that fades, (2000,), from -1 to 1."""
    times = np.arange(2000) / RATE
    return np.sin(2 * np.pi * 440 * times) * np.exp(-4 * times)


def pixels() -> np.ndarray:
    """Return an image (48, 64, 3), uint8, with edges and gradients."""
    rows, columns = np.mgrid[0:48, 0:64]
    drawn = np.stack((4 * columns, 5 * rows, 255 * ((rows // 8 + columns // 8) % 2)), axis=-1)
    return drawn.astype(np.uint8)


if __name__ == "__main__":
    main()
