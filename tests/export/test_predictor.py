from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import keiryo
from keiryo.data.image.fit import fit_image, read_for_size
from keiryo.errors import InputError
from keiryo.models.saved import MODEL_FILE, Preprocessing, SavedModel, save_model
from keiryo.models.spec import build


@pytest.fixture(scope="module")
def trial_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trial")
    torch.manual_seed(0)
    description = SavedModel(
        keiryo_version="0",
        model="mobilenet_v2:width=0.35",
        classes=["rose", "薔薇", "tulip"],
        preprocessing=Preprocessing(size=32, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3)),
    )
    network = build(description.model, classes=3)
    with torch.no_grad():
        network.classifier.weight.mul_(50)  # so that the classes differ  # pyright: ignore
    save_model(folder / MODEL_FILE, network, description)
    return folder


def test_probabilities_are_those_of_the_network(trial_folder: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    predictor = keiryo.load(trial_folder)
    guesses = predictor.predict_file(tmp_path / "image.png")
    square = fit_image(read_for_size(tmp_path / "image.png", 32).pixels, 32, "crop")
    x = torch.from_numpy(square).permute(2, 0, 1)[None] / 255
    x = (x - torch.tensor((0.4, 0.5, 0.6)).view(3, 1, 1)) / torch.tensor((0.2, 0.25, 0.3)).view(
        3, 1, 1
    )
    network, _ = keiryo.models.saved.load_model(trial_folder / MODEL_FILE)
    with torch.inference_mode():
        expected = dict(zip(predictor.classes, network(x).softmax(1)[0].tolist(), strict=True))
    assert {g.label: g.probability for g in guesses} == pytest.approx(expected, abs=1e-5)
    assert sum(guess.probability for guess in guesses) == pytest.approx(1.0)
    assert [g.label for g in guesses] == sorted(expected, key=lambda label: -expected[label])


def test_a_batch_is_as_its_images_one_by_one(trial_folder: Path) -> None:
    random = np.random.default_rng(1)
    images = [random.integers(0, 256, (40, 30 + n, 3), dtype=np.uint8) for n in range(3)]
    predictor = keiryo.load(trial_folder / MODEL_FILE)
    together = predictor.predict(images)
    for image, guesses in zip(images, together, strict=True):
        (alone,) = predictor.predict([image])
        assert [g.label for g in alone] == [g.label for g in guesses]


def test_a_folder_without_a_model_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="finished trial"):
        keiryo.load(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        keiryo.load(tmp_path / "absent.safetensors")
