"""The model card of an exported network, in Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from keiryo.models.saved import SavedModel
from keiryo.records.comparison import Comparison, Trial
from keiryo.records.export import Agreement, ImagesFrom
from keiryo.records.speed import Latency
from keiryo.statistics import wilson_interval
from keiryo.version import __version__

IMAGES_FROM: dict[ImagesFrom, str] = {
    "data": "read anew from the data",
    "pack": "read from the comparison's pack, since the data are gone",
    "random": "images of random pixels",
}
NO_LICENCE = "not stated; ask whoever gave you this model before you use it"
# Signs that mean something in a table of Markdown.
SPECIAL = str.maketrans({"|": r"\|", "\n": " ", "`": "'"})


@dataclass(frozen=True)
class CardFacts:
    """All that a model card tells.

    `guesses` (images,) are the classes that the exported model gives the held-out images, and
    `labels` theirs; None: not known. `comparison` and `trial` are None for a model file alone.
    """

    description: SavedModel
    target: str
    engine: str
    size_bytes: int
    agreement: Agreement
    holds: bool
    latency: Latency
    processor: str
    guesses: np.ndarray
    labels: np.ndarray | None
    comparison: Comparison | None
    trial: Trial | None
    licence: str | None


def write_model_card(facts: CardFacts) -> str:
    """Return the model card."""
    lines = [
        *_front_matter(facts),
        f"# {facts.description.model}",
        "",
        *_purpose(facts),
        *_use(),
        *_accuracy(facts),
        *_cost(facts),
        *_provenance(facts),
        "## Licence",
        "",
        f"{facts.licence or NO_LICENCE}".translate(SPECIAL),
    ]
    return "\n".join(lines) + "\n"


def _front_matter(facts: CardFacts) -> Iterator[str]:
    # As the Hugging Face Hub reads it.
    yield "---"
    licence = (facts.licence or "unknown").replace("\\", " ").replace('"', "'").translate(SPECIAL)
    yield f'license: "{licence}"'
    yield "pipeline_tag: image-classification"
    yield "library_name: keiryo-runtime"
    yield "---"
    yield ""


def _purpose(facts: CardFacts) -> Iterator[str]:
    preprocessing = facts.description.preprocessing
    classes = ", ".join(facts.description.classes).translate(SPECIAL)
    yield f"It gives an image one of {len(facts.description.classes)} classes: {classes}."
    yield ""
    yield (
        "**Intended use.** Images like those it was trained on, which show one of these classes. "
        "Any other image gets one of these classes as well, sometimes with a high probability. "
        "Measure it on your own images before you rely on it."
    )
    yield ""
    yield (
        f"Images become squares of {preprocessing.size} pixels (`{preprocessing.fit}`), as in the "
        "training. That and the normalisation are part of what is delivered."
    )
    yield ""


def _use() -> Iterator[str]:
    yield from (
        "## Use",
        "",
        "    pip install -r requirements.txt",
        "    python predict.py photo.jpg",
        "",
        "Call pip in this folder. `keiryo_runtime`, which it installs, is also a module for your "
        "own programs (`keiryo_runtime.load(...).predict(...)`).",
        "",
    )


def _accuracy(facts: CardFacts) -> Iterator[str]:
    agreement = facts.agreement
    yield "## Accuracy"
    yield ""
    if facts.labels is None:
        yield "Not measured: the held-out images of its training are not known."
    else:
        yield from _accuracy_table(facts, facts.labels)
    yield ""
    yield (
        f"Compared with the trained network on {agreement.images:,} images "
        f"({IMAGES_FROM[agreement.images_from]}): {agreement.equal_labels:.1%} get the same class; "
        f"a probability differs by at most {agreement.largest_difference_from_files:.1g}."
        + ("" if facts.holds else " **This is more than keiryo's gate allows.**")
    )
    yield ""


def _accuracy_table(facts: CardFacts, labels: np.ndarray) -> Iterator[str]:
    right = int((facts.guesses == labels).sum())
    low, high = wilson_interval(right, len(labels))
    yield (
        f"**{right / len(labels):.1%}** of {len(labels):,} held-out images "
        f"(95 % interval: {low:.1%} to {high:.1%}), which no training step has seen. Always naming "
        f"the largest class gives {np.bincount(labels).max() / len(labels):.1%}."
    )
    if facts.comparison is not None and len(facts.comparison.ranking) > 1:
        yield (
            f"{len(facts.comparison.ranking)} networks were ranked by these images; the figure of "
            "the best of several tends to be a little too good."
        )
    if facts.trial is not None and facts.trial.test_accuracy is not None:
        yield (
            f"The trained network gets {facts.trial.test_accuracy:.1%} of the data's own test "
            "images right."
        )
    yield ""
    classes = [name.translate(SPECIAL) for name in facts.description.classes]
    yield from _row(["true class", *(f"as {name}" for name in classes), "images", "recall"])
    yield from _row(["---", *["---:"] * (len(classes) + 2)])
    for number, name in enumerate(classes):
        given = np.bincount(facts.guesses[labels == number], minlength=len(classes))
        images = int(given.sum())
        recall = f"{given[number] / images:.1%}" if images else "-"
        yield from _row([name, *map(str, given.tolist()), str(images), recall])


def _cost(facts: CardFacts) -> Iterator[str]:
    trial, latency = facts.trial, facts.latency
    yield "## Cost"
    yield ""
    yield from _row(["figure", "value"])
    yield from _row(["---", "---"])
    if trial is not None and trial.parameters is not None:
        yield from _row(["parameters", f"{trial.parameters:,}"])
    if trial is not None and trial.macs is not None:
        yield from _row(["multiply-accumulates for one image", f"{trial.macs:,}"])
    yield from _row(["size of the model", f"{facts.size_bytes / 1e6:.2f} MB"])
    threads = f"{latency.threads} thread" + "s" * (latency.threads > 1)
    yield from _row(
        [
            "latency of one decoded image",
            f"median {latency.p50:.2f} ms, 95th percentile {latency.p95:.2f} ms ({facts.engine}, "
            f"{threads}, {facts.processor})",
        ]
    )
    yield ""
    if latency.disturbed:
        yield (
            f"Other processes took {latency.others_share or 0:.0%} of the processor meanwhile, so "
            f"the latency is too long. The fastest of {latency.runs} runs took "
            f"{latency.best:.2f} ms."
        )
        yield ""


def _provenance(facts: CardFacts) -> Iterator[str]:
    comparison, trial = facts.comparison, facts.trial
    yield "## Provenance"
    yield ""
    yield from _row(["fact", "value"])
    yield from _row(["---", "---"])
    yield from _row(["network", facts.description.model])
    if comparison is not None and trial is not None:
        data = comparison.data
        split = "the data's own" if data.own_split else "made by keiryo, without leaks"
        # Not the whole path, which is of no use elsewhere.
        yield from _row(["data", PurePath(data.name).name.translate(SPECIAL)])
        yield from _row(
            [
                "split",
                f"{data.train_images:,} training and {data.val_images:,} held-out images"
                + (f", {data.test_images:,} test images" if data.test_images else "")
                + f"; {split}",
            ]
        )
        yield from _row(
            [
                "training",
                f"recipe {trial.recipe or comparison.recipe}, {trial.epochs} epochs, seed "
                f"{trial.seed}, {trial.train_seconds or 0:,.0f} s on {comparison.machine.processor}"
                f" ({comparison.machine.device})",
            ]
        )
        yield from _row(["pretrained weights", trial.pretrained or "none"])
        yield from _row(["trained", comparison.created])
    yield from _row(["trained with", f"keiryo {facts.description.keiryo_version}"])
    yield from _row(["exported with", f"keiryo {__version__}, --to {facts.target}"])
    yield ""


def _row(cells: Sequence[str]) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"
