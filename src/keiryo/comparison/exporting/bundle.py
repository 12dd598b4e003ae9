"""A folder with an exported model and all that a colleague needs to run it."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import ValidationError

from keiryo.comparison.exporting.compared_images import ComparedImages
from keiryo.comparison.exporting.model_card import CardFacts, write_model_card
from keiryo.errors import InputError
from keiryo.export.bundle.clean_run import run_bare
from keiryo.export.bundle.script import predict_script
from keiryo.export.bundle.timing import time_predictions
from keiryo.export.bundle.wheel import pinned_requirements, runtime_wheel
from keiryo.export.targets import Files
from keiryo.files import replace_folder
from keiryo.measure.machine import processor_name
from keiryo.models.saved import SavedModel
from keiryo.records.comparison import Comparison, Trial
from keiryo.records.export import Agreement
from keiryo.records.places import RESULTS_FILE
from keiryo_runtime import Predictor
from keiryo_runtime.engines import ENGINES

README_FILE, SCRIPT_FILE, REQUIREMENTS_FILE = "README.md", "predict.py", "requirements.txt"
CHECKED_IMAGES = 3


@dataclass(frozen=True)
class Bundle:
    """An export in agreement, to be bundled: its `files` and what is known about it.

    `probabilities` (images, classes) are its answers on the `images`, and `trial` is the folder of
    the trial.
    """

    target: str
    files: Files
    description: SavedModel
    agreement: Agreement
    holds: bool
    probabilities: np.ndarray
    images: ComparedImages
    trial: Path
    licence: str | None
    threads: int

    def write(self, place: Path) -> None:
        """Write the bundle to the folder `place`, whole or not at all.

        Before it is moved there, its predict.py labels images in a Python that sees the runtime's
        dependencies alone. Raises InputError if that fails or gives other answers.
        """
        model_file = next(name for name in self.files if Path(name).suffix in ENGINES)
        requirements = pinned_requirements(Path(model_file).suffix)
        wheel_name, wheel = runtime_wheel()
        with replace_folder(place) as folder:
            for name, content in (self.files | {wheel_name: wheel}).items():
                (folder / name).write_bytes(content)
            lines = [f"./{wheel_name}", *requirements]
            (folder / REQUIREMENTS_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
            (folder / SCRIPT_FILE).write_text(predict_script(model_file), encoding="utf-8")
            predictor = Predictor(folder / model_file, threads=self.threads)
            _check(folder, predictor, self.images.files, wheel_name, requirements)
            card = write_model_card(self._facts(predictor, model_file))
            (folder / README_FILE).write_text(card, "utf-8", errors="backslashreplace")

    def _facts(self, predictor: Predictor, model_file: str) -> CardFacts:
        comparison, trial = _read_comparison(self.trial)
        return CardFacts(
            description=self.description,
            target=self.target,
            engine=ENGINES[Path(model_file).suffix].name,
            size_bytes=sum(map(len, self.files.values())),
            agreement=self.agreement,
            holds=self.holds,
            latency=time_predictions(predictor, threads=self.threads),
            processor=processor_name(),
            guesses=self.probabilities.argmax(1),
            labels=self.images.labels,
            comparison=comparison,
            trial=trial,
            licence=self.licence,
        )


def _check(
    folder: Path,
    predictor: Predictor,
    files: Sequence[Path],
    wheel: str,
    requirements: Sequence[str],
) -> None:
    """Run predict.py in a clean environment on held-out images, or on one of random pixels."""
    with tempfile.TemporaryDirectory() as other:
        chosen = list(files[:CHECKED_IMAGES])
        if not chosen:
            random = np.random.default_rng(0)
            pixels = random.integers(0, 256, (300, 400, 3), dtype=np.uint8)
            chosen = [Path(other, "random.png")]
            Image.fromarray(pixels).save(chosen[0])
        output = run_bare(
            folder / SCRIPT_FILE,
            [str(file.resolve()) for file in chosen],
            wheel=folder / wheel,
            requirements=[line.partition("==")[0] for line in requirements],
        )
        best = [predictor.predict(file)[0] for file in chosen]
    answered = [line.split("\t")[1:] for line in output.splitlines()]
    if [label for label, _ in answered] != [guess.label for guess in best] or not np.allclose(
        [float(probability) for _, probability in answered],
        [guess.probability for guess in best],
        atol=0.0002,  # it prints four digits
    ):
        raise InputError(f"{SCRIPT_FILE} answers differently in a clean environment")


def _read_comparison(trial: Path) -> tuple[Comparison | None, Trial | None]:
    out = trial.resolve().parent.parent
    try:
        comparison = Comparison.model_validate_json((out / RESULTS_FILE).read_bytes())
    except (OSError, ValidationError):
        return None, None
    found = [each for each in comparison.trials if (out / each.folder) == trial.resolve()]
    return (comparison, found[0]) if found else (None, None)
