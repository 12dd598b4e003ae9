"""The pretrained weights of trials: found and checked before any training, then loaded."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from keiryo.comparison.plan import Plan
from keiryo.comparison.pretrained.pretrained_download import (
    fetch_published_weights,
    fetch_weights,
)
from keiryo.comparison.pretrained_option import IMAGENET, places_of
from keiryo.data.sources.download import Progress, no_progress
from keiryo.data.sources.storage import is_url
from keiryo.data.survey.identity import decode_marks
from keiryo.errors import InputError
from keiryo.files import shown
from keiryo.models.classifier import classifier_name
from keiryo.models.meta import build_weightless
from keiryo.models.saved import MODEL_FILE, Preprocessing, find_model_file, read_description
from keiryo.models.spec import parse_spec
from keiryo.models.tensor_file import TensorFileError, read_text
from keiryo.models.weights.imagenet_weights import published_weights, weights_at
from keiryo.models.weights.matching import fit_weights, load_fitted
from keiryo.models.weights.weight_file import read_weights
from keiryo.records.places import RESULTS_FILE
from keiryo.train.fine_tuning import FineTuning


@dataclass(frozen=True)
class Start:
    """The start of a trial: the preprocessing of images, and the layers to train."""

    preprocessing: Preprocessing
    fine_tuning: FineTuning | None = None
    pretrained: str | None = None
    trained_on: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SeenByStarts:
    """The marks of images that the weights of a plan were trained on.

    `unknown` are the files of earlier versions, which do not say what they were trained on.
    """

    marks: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()


def check_pretrained(plan: Plan, classes: int, *, progress: Progress = no_progress) -> Plan:
    """Return `plan` with the digest of each file of weights, after trying each on its model.

    Raises InputError, naming file and model, if a file cannot be downloaded or read, does not fit,
    or is no longer that of the plan.
    """
    digests: dict[str, str] = {}
    for model, place in _places(plan).items():
        path = _file_of(plan, place, progress)
        if place not in digests:
            digests[place] = _check_digest(plan, place, path)
        spec = parse_spec(model)
        network = build_weightless(spec, classes=classes)
        fit_weights(read_weights(path), spec, network, classes=classes)
        if plan.fine_tune != "all" and classifier_name(network, classes) is None:
            raise InputError(
                f"--fine-tune {plan.fine_tune}: {model} has no layer with an output for each of "
                f"{classes} classes that could be trained alone; use --fine-tune all"
            )
    return plan.model_copy(update={"pretrained_digests": digests})


def start_of_trial(
    plan: Plan, model: str, network: nn.Module, preprocessing: Preprocessing, *, classes: int
) -> Start:
    """Load the plan's weights for `model` into `network`, in place, and return the trial's start.

    Pretrained features need the preprocessing of their own training, so the mean and deviation of
    the channels become those that the weights expect. Without weights for `model`, nothing changes.
    """
    place = _places(plan).get(model)
    if place is None:
        return Start(preprocessing)
    path = _file_of(plan, place, no_progress)
    _check_digest(plan, place, path)
    fitted = fit_weights(read_weights(path), parse_spec(model), network, classes=classes)
    load_fitted(network, fitted)
    published = weights_at(place)
    expected = fitted if published is None else published
    head = classifier_name(network, classes)
    assert plan.fine_tune is not None
    return Start(
        preprocessing.model_copy(update={"mean": expected.mean, "std": expected.std}),
        FineTuning(network, head=head, mode=plan.fine_tune),
        place if is_url(place) else shown(path.name),
        _trained_on(path) or frozenset(),
    )


def seen_by_starts(plan: Plan) -> SeenByStarts:
    """Return what the plan's weights were trained on, as far as keiryo trained them.

    The files of other programs do not say it. Raises InputError if a file is damaged or missing.
    """
    marks: set[str] = set()
    unknown: list[str] = []
    for place in dict.fromkeys(_places(plan).values()):
        path = _file_of(plan, place, no_progress)
        if not _is_of_keiryo(path):
            continue
        trained_on = _trained_on(path)
        if trained_on is None:
            unknown.append(place)
        else:
            marks |= trained_on
    return SeenByStarts(frozenset(marks), tuple(unknown))


def places_of_weights(plan: Plan) -> list[str]:
    """Return the paths and URLs of the plan's pretrained weights."""
    return list(dict.fromkeys(_places(plan).values()))


def _places(plan: Plan) -> dict[str, str]:
    """Return the path or URL of the weights of each model; `imagenet` is an address too."""
    if plan.pretrained is None:
        return {}
    places = places_of(plan.pretrained, plan.models)
    for model in [model for model, place in places.items() if place == IMAGENET]:
        published = published_weights(parse_spec(model))
        assert published is not None, "a plan is made only if there are such weights"
        places[model] = published.url
    return places


def _file_of(plan: Plan, place: str, progress: Progress) -> Path:
    if (published := weights_at(place)) is not None:
        return fetch_published_weights(published, progress=progress)
    if is_url(place):
        return fetch_weights(place, progress=progress)
    path = Path(place)
    if path.is_dir() and ((path / MODEL_FILE).is_file() or (path / RESULTS_FILE).is_file()):
        return find_model_file(path)  # a trial's folder or a comparison's, as for `keiryo predict`
    if not path.exists():
        raise InputError(
            f"--pretrained {place}: no such file; give a path or URL, or MODEL=PATH for "
            f"models of the comparison ({', '.join(plan.models)})"
        )
    return path


def _is_of_keiryo(path: Path) -> bool:
    try:
        return bool(read_text(path))
    except TensorFileError:
        return False


def _trained_on(path: Path) -> frozenset[str] | None:
    """Return the marks of the images that `path` was trained on; None if it does not say."""
    if not _is_of_keiryo(path):
        return None
    recorded = read_description(path).trained_on
    try:
        return None if recorded is None else decode_marks(recorded)
    except ValueError:
        raise InputError(f"{path}: damaged: what it was trained on cannot be read") from None


def _check_digest(plan: Plan, place: str, path: Path) -> str:
    if path.is_dir():
        raise InputError(f"--pretrained {place}: a folder; give a file of weights")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if plan.pretrained_digests.get(place, digest) != digest:
        raise InputError(
            f"--pretrained {place}: has changed since the comparison was begun, so its trials "
            "could not be compared; begin again with --force, or with another --out"
        )
    return digest
