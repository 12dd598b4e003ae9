import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from conftest import slow_if
from keiryo.errors import InputError
from keiryo.models.meta import build_weightless
from keiryo.models.saved import Preprocessing, SavedModel, changed_batch_norm_epsilon
from keiryo.models.spec import FACTORIES, build, parse_spec
from keiryo.models.weights.foreign_names import IMAGENET_MEAN, INCEPTION_MEAN, foreign_namings
from keiryo.models.weights.matching import FittedWeights, fit_weights, load_fitted
from keiryo.models.weights.weight_file import Weights
from models.published_states import RECORDS, image, recorded

PATH = Path("weights.pth")
# Others have the same kinds of modules.
LARGER = (
    *("timm-mobilenetv4_conv_medium", "timm-efficientnet_lite0"),
    *("torchvision-resnet50", "timm-vgg11_bn"),
)


def fitted(spec: str, state: dict[str, Tensor], *, classes: int = 1000) -> FittedWeights:
    network = build_weightless(parse_spec(spec), classes=classes)
    return fit_weights(Weights(PATH, state), parse_spec(spec), network, classes=classes)


def refused(spec: str, weights: Weights | dict[str, Tensor]) -> str:
    """Return the one line that says why the weights do not fit."""
    weights = weights if isinstance(weights, Weights) else Weights(PATH, weights)
    network = build_weightless(parse_spec(spec), classes=1000)
    with pytest.raises(InputError) as raised:
        fit_weights(weights, parse_spec(spec), network, classes=1000)
    message = str(raised.value)
    assert message.startswith(f"{weights.path}: ")
    assert "\n" not in message
    return message


def shapes_of(spec: str, *, classes: int = 1000) -> dict[str, Tensor]:
    return dict(build_weightless(parse_spec(spec), classes=classes).state_dict())


@pytest.mark.parametrize(
    "name",
    [slow_if(path.stem in LARGER, path.stem) for path in sorted(RECORDS.glob("*.txt"))],
)
def test_published_weights_give_the_published_networks_logits(name: str) -> None:
    spec, logits, state = recorded(name)
    network = build_weightless(parse_spec(spec), classes=1000)
    fit = fit_weights(Weights(PATH, state), parse_spec(spec), network, classes=1000)
    network.load_state_dict(fit.state, assign=True)
    load_fitted(network, fit)
    with torch.inference_mode():
        found = network.eval()(image())[0, : len(logits)]
    assert not fit.replaces_classifier
    assert found.tolist() == pytest.approx(logits, rel=1e-3, abs=1e-3 * max(map(abs, logits)))


@pytest.mark.parametrize("spec", [name for name in FACTORIES if name != "densenet"])
def test_every_tensor_of_a_family_has_a_published_name_of_its_own(spec: str) -> None:
    # That the names are right is what the logits show; that all are named, this.
    modules = {name.rpartition(".")[0] for name in shapes_of(spec)}
    for naming in foreign_namings(parse_spec(spec)):
        named = [naming.modules[module] for module in modules]
        assert len(set(named)) == len(named)


@pytest.mark.parametrize("spec", ["mobilenet_v2:width=0.35,norm=group", "densenet:layers=2-2"])
def test_keiryos_own_weights_come_back_and_their_preprocessing_with_them(spec: str) -> None:
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    description = SavedModel(
        keiryo_version="1",
        model=spec,
        classes=list("abcd"),
        preprocessing=Preprocessing(size=32, mean=mean, std=std),
    )
    saved = build(spec, classes=4).state_dict()
    fit = fit_weights(
        Weights(PATH, saved, description), parse_spec(spec), build(spec, classes=4), classes=4
    )
    assert fit.state.keys() == saved.keys()
    assert (fit.mean, fit.std) == (mean, std)


def test_a_classifier_for_other_classes_stays_as_it_was() -> None:
    spec, _, state = recorded("torchvision-resnet18")
    network = build(spec, classes=7)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fit = fit_weights(Weights(PATH, state), parse_spec(spec), network, classes=7)
    assert fit.replaces_classifier
    assert fit.mean == IMAGENET_MEAN
    load_fitted(network, fit)
    after = network.state_dict()
    assert torch.equal(after["classifier.weight"], before["classifier.weight"])
    assert torch.equal(after["classifier.bias"], before["classifier.bias"])
    assert torch.equal(after["features.0.convolution.weight"], state["conv1.weight"])


def test_weights_bring_the_epsilon_of_their_batch_norms() -> None:
    for name, epsilon in (
        ("torchvision-mobilenet_v3_small", 1e-3),
        ("timm-mobilenetv3_small_050", 1e-5),
    ):
        spec, _, state = recorded(name, values=False)
        network = build(spec, classes=3)
        load_fitted(
            network, fit_weights(Weights(PATH, state), parse_spec(spec), network, classes=3)
        )
        norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
        assert {norm.eps for norm in norms} == {epsilon}
        # What a model is saved with, if it differs from PyTorch's.
        assert changed_batch_norm_epsilon(network) == (epsilon if epsilon != 1e-5 else None)


def test_weights_without_a_classifier_fit() -> None:
    spec, _, state = recorded("timm-mobilenetv1_100", values=False)
    features = {name: t for name, t in state.items() if not name.startswith("classifier")}
    fit = fitted(spec, features)
    assert fit.replaces_classifier
    assert fit.mean == INCEPTION_MEAN


def test_names_of_old_files() -> None:
    spec, _, state = recorded("torchvision-densenet121")
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", name): tensor
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }
    assert old.keys() != state.keys()
    fit = fitted(spec, old)
    assert torch.equal(
        fit.state["features.1.0.branch.0.running_mean"],
        state["features.denseblock1.denselayer1.norm1.running_mean"],
    )


def test_what_does_not_fit_is_named() -> None:
    _, _, resnet18 = recorded("torchvision-resnet18", values=False)
    assert re.search(
        r"layer1.0.conv1.weight is 64x64x3x3, .* 64x64x1x1", refused("resnet50", resnet18)
    )
    assert re.search(
        r"lacks \d+ tensors of resnet34 \(layer1.2.conv1", refused("resnet34", resnet18)
    )
    left_over = refused(
        "resnet18", {**resnet18, "layer9.weight": torch.ones(1), "x": torch.ones(1)}
    )
    assert "holds 2 tensors that resnet18 does not have (layer9.weight, x)" in left_over
    assert "none of its 122 tensors" in refused("densenet121", resnet18)
    assert "norm=batch" in refused("resnet18:norm=group", resnet18)
    _, _, half = recorded("timm-mobilenetv2_050", values=False)
    assert "conv_stem.weight is 16x3x3x3" in refused("mobilenet_v2", half)


def test_the_two_kinds_of_vgg_are_told_apart() -> None:
    _, _, plain = recorded("torchvision-vgg11", values=False)
    _, _, normed = recorded("timm-vgg11_bn", values=False)
    assert "name vgg11:norm=none, not vgg11:norm=batch" in refused("vgg11:norm=batch", plain)
    assert "name vgg11:norm=batch, not vgg11" in refused("vgg11", normed)


@pytest.mark.parametrize("other", ["mobilenet_v2:norm=layer", "mobilenet_v2:width=0.5", "resnet18"])
def test_keiryos_own_weights_of_another_model_are_refused_by_name(other: str) -> None:
    # Norms of other kinds have the same tensors and do something else with them.
    description = SavedModel(
        keiryo_version="1",
        model=other,
        classes=["a"],
        preprocessing=Preprocessing(size=8, mean=(0, 0, 0), std=(1, 1, 1)),
    )
    state = shapes_of("mobilenet_v2:norm=group")
    message = refused("mobilenet_v2:norm=group", Weights(PATH, state, description))
    assert f"holds {other}, not mobilenet_v2:norm=group" in message


OWN = """
from torch import nn

def make(classes):
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(16, classes))
"""


def test_a_network_of_the_users_own_takes_its_own_names(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN)
    spec = parse_spec(f"{file}:make")
    saved = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(16, 9)).state_dict()
    network = build(spec, classes=5)
    fit = fit_weights(Weights(PATH, saved), spec, network, classes=5)
    assert fit.state.keys() == {"0.weight", "0.bias"}
    assert fit.replaces_classifier
    del saved["0.bias"]
    with pytest.raises(InputError, match=r"lacks 1 tensors .*\(0.bias\)"):
        fit_weights(Weights(PATH, saved), spec, network, classes=5)
