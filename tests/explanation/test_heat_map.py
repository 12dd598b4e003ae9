"""Heat maps point at the evidence, for every kind of network that has places."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from conftest import slow_if
from keiryo.errors import InputError
from keiryo.explanation.heat_map import Explainer
from keiryo.models.saved import (
    MODEL_FILE,
    Preprocessing,
    SavedModel,
    load_model,
    normalize,
    save_model,
)
from keiryo.models.spec import build
from stripes import CLASSES, small, stripes
from stripes import SIZE as PATCH

SIDE = 2 * PATCH
FAMILIES = (
    "mobilenet_v1:width=0.25",
    "mobilenet_v2:width=0.35,norm=layer",
    "vgg11:norm=batch",
    "mobilenet_v3_small:width=0.35",
    "shufflenet_v2:width=0.5",
    "resnet18:norm=group",
    "densenet:layers=2-2,growth=4,norm=instance",
)
# Without places, with places that no class depends on, and with all of its weights frozen.
NETWORKS = """
from torch import nn

class Flat(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layer = nn.Linear(3 * 32 * 32, classes)

    def forward(self, x):
        return self.layer(x.flatten(1))

class Tokens(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, 8)
        block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.blocks = nn.TransformerEncoder(block, 2)
        self.layer = nn.Linear(8, classes)

    def forward(self, x):
        return self.layer(self.blocks(self.patches(x).flatten(2).transpose(1, 2)).mean(1))

class Frozen(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.second = nn.Conv2d(8, 8, 3, 2, 1)
        self.layer = nn.Linear(8, classes)
        self.requires_grad_(False)

    def forward(self, x):
        print("running")
        y = self.second(self.first(x).relu_()).relu_()
        unused = self.first(x)
        return self.layer(y.mean((2, 3)))
"""


def save(folder: Path, model: str, network: nn.Module | None = None, classes: int = 3) -> Path:
    torch.manual_seed(0)
    description = SavedModel(
        keiryo_version="0",
        model=model,
        classes=[str(number) for number in range(classes)],
        preprocessing=Preprocessing(size=SIDE, mean=(0.5,) * 3, std=(0.25,) * 3),
    )
    save_model(folder / MODEL_FILE, network or build(model, classes=classes), description)
    return folder / MODEL_FILE


def patches_in_noise(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return images of noise with a patch of stripes in one quarter, its class, its corner."""
    random = np.random.default_rng(seed)
    found, labels = stripes(count, seed=seed)
    corners = PATCH * random.integers(0, 2, (count, 2))
    images = random.normal(128, 50, (count, SIDE, SIDE, 3)).clip(0, 255).astype(np.uint8)
    for image, patch, (down, across) in zip(images, found, corners, strict=True):
        image[down : down + PATCH, across : across + PATCH] = patch
    return images, labels, corners


@pytest.fixture(scope="module")
def explainer(tmp_path_factory: pytest.TempPathFactory) -> Explainer:
    """That of a network which has learned to find the patch."""
    folder = tmp_path_factory.mktemp("patches")
    (folder / "mine.py").write_text(
        "from stripes import small\ndef net(classes):\n    return small()\n"
    )
    torch.manual_seed(0)
    network = small().train()
    images, labels, _ = patches_in_noise(600, seed=1)
    inputs = torch.from_numpy(images).permute(0, 3, 1, 2)
    targets = torch.from_numpy(labels)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for step in range(150):
        rows = torch.arange(48) + 48 * step
        rows %= len(inputs)
        batch = normalize(inputs[rows], Preprocessing(size=SIDE, mean=(0.5,) * 3, std=(0.25,) * 3))
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(batch), targets[rows]).backward()
        optimizer.step()
    return Explainer(save(folder, f"{folder}/mine.py:net", network.eval(), CLASSES))


def test_the_hottest_place_is_where_the_evidence_is(explainer: Explainer) -> None:
    images, labels, corners = patches_in_noise(40, seed=2)
    hits, sure = 0, 0
    for image, label, corner in zip(images, labels, corners, strict=True):
        (heat,) = explainer.explain(image, [str(label)])
        if heat.probability < 0.8:
            continue
        sure += 1
        down, across = np.unravel_index(heat.values.argmax(), heat.values.shape)
        scale = SIDE / heat.values.shape[0]
        place = np.array([(down + 0.5) * scale, (across + 0.5) * scale]) // PATCH * PATCH
        hits += bool((place == corner).all())
    assert sure >= 20
    assert hits >= 0.9 * sure


def test_deleting_the_hottest_third_hurts_more_than_the_coldest(explainer: Explainer) -> None:
    images, labels, _ = patches_in_noise(30, seed=3)
    left = {"hottest": 0.0, "coldest": 0.0}
    for image, label in zip(images, labels, strict=True):
        (heat,) = explainer.explain(image, [str(label)])
        times = SIDE // heat.values.shape[0]
        order = np.repeat(np.repeat(heat.values, times, 0), times, 1).ravel().argsort(kind="stable")
        third = len(order) // 3
        for kind, places in (("coldest", order[:third]), ("hottest", order[-third:])):
            masked = image.reshape(-1, 3).copy()
            masked[places] = 128
            left[kind] += explainer.explain(masked.reshape(image.shape), [str(label)])[
                0
            ].probability
    assert left["hottest"] < left["coldest"] - 0.2 * len(images)


@pytest.mark.parametrize("model", FAMILIES[:2])
def test_of_pooled_features_it_is_the_class_activation_map(model: str, tmp_path: Path) -> None:
    # Zhou et al. 2016: the last feature map, weighted by the classifier's weights for the class.
    file = save(tmp_path, model)
    side = 224  # the last feature map then has enough places
    image = np.random.default_rng(4).integers(0, 256, (side, side, 3), dtype=np.uint8)
    network, description = load_model(file)
    larger = description.model_copy(deep=True)
    larger.preprocessing.size = side
    save_model(file, network, larger)
    inputs = normalize(torch.from_numpy(image).permute(2, 0, 1)[None], larger.preprocessing)
    with torch.inference_mode():
        features = network.features(inputs)[0]  # pyright: ignore
        weights = network.classifier.weight  # pyright: ignore
        expected = (weights[:, :, None, None] * features).sum(1).clamp_min(0).numpy()
    heat_maps = Explainer(file).explain(image, ["0", "1", "2"])
    for heat, activation in zip(heat_maps, expected, strict=True):
        largest = activation.max() or 1.0
        assert heat.values == pytest.approx(activation / largest, abs=1e-4)


@pytest.mark.parametrize("model", [slow_if(name.startswith("vgg"), name) for name in FAMILIES])
def test_every_family_has_a_map_of_several_places(model: str, tmp_path: Path) -> None:
    explainer = Explainer(save(tmp_path, model))
    image = np.random.default_rng(5).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    heat_maps = explainer.explain(image, explainer.classes)
    assert sum(heat.probability for heat in heat_maps) == pytest.approx(1)
    for heat in heat_maps:
        # Of 32 pixels, the last map has one place.
        assert min(heat.values.shape) >= 7
        assert heat.values.min() >= 0
        assert heat.values.max() in (0, 1)
    assert any(heat.values.max() == 1 for heat in heat_maps)


def test_networks_of_ones_own(tmp_path: Path) -> None:
    source = tmp_path / "mine.py"
    source.write_text(NETWORKS)
    for name, said in (("Flat", "no feature map"), ("Tokens", "from tokens")):
        with pytest.raises(InputError, match=rf"--explain: .*mine.py:{name} .*{said}"):
            Explainer(save(tmp_path, f"{source}:{name}"))
    explainer = Explainer(save(tmp_path, f"{source}:Frozen"))
    image = np.random.default_rng(6).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    (heat,) = explainer.explain(image, ["1"])
    # The last map that the classes depend on; a later one leads nowhere.
    assert heat.values.shape == (8, 8)
