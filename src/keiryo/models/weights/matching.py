"""Weights that were trained elsewhere, matched to a network tensor by tensor."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from keiryo.errors import InputError
from keiryo.models.classifier import classifier_name
from keiryo.models.families.vgg import VGG_COLUMNS
from keiryo.models.saved import set_batch_norm_epsilon
from keiryo.models.spec import FACTORIES, ModelSpec, all_options, parse_spec
from keiryo.models.weights.foreign_names import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Channels,
    ModuleNames,
    current_name,
    foreign_namings,
)
from keiryo.models.weights.weight_file import Weights
from keiryo.sentences import some_of

NAMED_TENSORS = 3
BATCH_COUNT = "num_batches_tracked"  # older files lack it, and batch norm does not need it
VGG_NAMES = tuple(f"vgg{depth}" for depth in VGG_COLUMNS)
ADVICE = "name the model, with its options, that these weights belong to"


@dataclass(frozen=True)
class FittedWeights:
    """Weights by the names of a network's tensors, without those of a replaced classifier.

    `mean` and `std` are the channel statistics, for images of 0 to 1, that the weights expect, and
    `batch_norm_epsilon` the epsilon of batch norm; None: PyTorch's default.
    """

    state: dict[str, Tensor]
    mean: Channels
    std: Channels
    replaces_classifier: bool
    batch_norm_epsilon: float | None = None


def fit_weights(
    weights: Weights, spec: ModelSpec, network: nn.Module, *, classes: int
) -> FittedWeights:
    """Return `weights` by the tensor names of `network`, built from `spec` for `classes` classes.

    The network may be on "meta". keiryo's networks take the names of torchvision and timm as well
    as their own; other networks take only their own. The classifier's weights are left out if
    they are for another number of classes. Raises InputError if a tensor is missing, left over,
    or of another shape.
    """
    _check_description(weights, spec)
    shapes = network.state_dict()
    given = weights.tensors
    if spec.name in FACTORIES:
        given = {current_name(name): tensor for name, tensor in given.items()}
    naming = _choose_naming(weights, given, spec, network, shapes)
    theirs = {ours: _their_name(ours, naming) for ours in shapes}
    classifier = classifier_name(network, classes)
    replaced = _replaced_tensors(classifier, shapes, theirs, given)
    state: dict[str, Tensor] = {}
    missing: list[str] = []
    for ours, expected in shapes.items():
        tensor = given.get(theirs[ours])
        if ours in replaced:
            continue
        if tensor is None:
            if not ours.endswith(BATCH_COUNT):
                missing.append(theirs[ours])
            continue
        if tensor.dim() == 4 and expected.dim() == 2:
            # A convolution over its whole input is a linear layer.
            tensor = tensor.flatten(1)
        elif tensor.dim() == 2 and expected.shape[2:] == (1, 1):
            tensor = tensor[:, :, None, None]
        if tensor.shape != expected.shape:
            raise InputError(
                f"{weights.path}: {theirs[ours]} is {_shape(tensor)}, where {spec} has "
                f"{_shape(expected)}; {ADVICE}"
            )
        state[ours] = tensor
    if missing:
        raise InputError(
            f"{weights.path}: lacks {len(missing)} tensors of {spec} "
            f"({some_of(missing, most=NAMED_TENSORS)}); {ADVICE}"
        )
    known = set(theirs.values())
    if left_over := [name for name in given if name not in known]:
        raise InputError(
            f"{weights.path}: holds {len(left_over)} tensors that {spec} does not have "
            f"({some_of(left_over, most=NAMED_TENSORS)}); {ADVICE}"
        )
    return FittedWeights(
        state,
        naming.mean,
        naming.std,
        replaces_classifier=bool(replaced),
        batch_norm_epsilon=naming.batch_norm_epsilon,
    )


def load_fitted(network: nn.Module, fitted: FittedWeights) -> None:
    """Load the weights into `network`, in place; tensors that they lack are not changed.

    The batch norms take the epsilon that the weights were trained with.
    """
    network.load_state_dict({**network.state_dict(), **fitted.state})
    if fitted.batch_norm_epsilon is not None:
        set_batch_norm_epsilon(network, fitted.batch_norm_epsilon)


def _check_description(weights: Weights, spec: ModelSpec) -> None:
    # Networks with different norms can have the same tensors, so the names are compared.
    if weights.description is None:
        return
    saved = parse_spec(weights.description.model)
    is_same = saved.name == spec.name and all_options(saved) == all_options(spec)
    if {saved.name, spec.name} & FACTORIES.keys() and not is_same:
        raise InputError(f"{weights.path}: holds {saved}, not {spec}; name that model")


def _choose_naming(
    weights: Weights,
    given: Mapping[str, Tensor],
    spec: ModelSpec,
    network: nn.Module,
    shapes: Mapping[str, Tensor],
) -> ModuleNames:
    """Return the naming that finds most of the network's tensors in `given`."""
    own = _own_naming(weights, network, shapes)

    def count_found(naming: ModuleNames) -> int:
        return sum(_their_name(ours, naming) in given for ours in shapes)

    namings = [own, *foreign_namings(spec)]
    chosen = max(namings, key=count_found)  # the first of equal ones, so its own before others
    if not count_found(chosen):
        raise InputError(
            f"{weights.path}: none of its {len(given)} tensors "
            f"({some_of(sorted(given), most=NAMED_TENSORS)}) is named as in "
            f"{spec} {_libraries(spec)}; {ADVICE}"
        )
    if chosen is not own:
        _check_batch_norm(weights, spec, shapes)
    return chosen


def _own_naming(weights: Weights, network: nn.Module, shapes: Mapping[str, Tensor]) -> ModuleNames:
    modules = {ours.rpartition(".")[0] for ours in shapes}
    mean, std, epsilon = IMAGENET_MEAN, IMAGENET_STD, None
    if weights.description is not None:
        mean = weights.description.preprocessing.mean
        std = weights.description.preprocessing.std
        epsilon = weights.description.batch_norm_epsilon
    elif isinstance(expected := getattr(network, "pretrained_cfg", None), dict):
        # timm's networks hold the normalisation that their published weights expect.
        mean, std = expected.get("mean", mean), expected.get("std", std)
    names = {module: module for module in modules}
    return ModuleNames("keiryo", names, mean=mean, std=std, batch_norm_epsilon=epsilon)


def _libraries(spec: ModelSpec) -> str:
    if spec.name not in FACTORIES:
        return "itself"
    if foreign_namings(spec):
        return "of torchvision, timm or keiryo"
    return "of keiryo (published networks have norm=batch)"


def _check_batch_norm(weights: Weights, spec: ModelSpec, shapes: Mapping[str, Tensor]) -> None:
    """Raise InputError if only one of a VGG's weights and network has batch norm.

    The norms change the numbers of the layers.
    """
    theirs, ours = (
        any(name.endswith("running_mean") for name in names) for names in (weights.tensors, shapes)
    )
    if theirs != ours and spec.name in VGG_NAMES:
        raise InputError(
            f"{weights.path}: its network has {'batch norm' if theirs else 'no norm'}; "
            f"name {spec.name}:norm={'batch' if theirs else 'none'}, not {spec}"
        )


def _replaced_tensors(
    classifier: str | None,
    shapes: Mapping[str, Tensor],
    theirs: Mapping[str, str],
    given: Mapping[str, Tensor],
) -> set[str]:
    """Return the names of the classifier's tensors if the weights are for other classes."""
    prefix = f"{classifier}." if classifier else ""
    weight = f"{prefix}weight"
    if classifier is None or weight not in shapes:
        return set()
    if (tensor := given.get(theirs[weight])) is not None and len(tensor) == len(shapes[weight]):
        return set()
    return {name for name in shapes if name.startswith(prefix)}


def _their_name(ours: str, naming: ModuleNames) -> str:
    module, _, tensor = ours.rpartition(".")
    return f"{naming.modules[module]}.{tensor}".removeprefix(".")


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a single value"
