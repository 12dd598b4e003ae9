import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import keiryo
from keiryo.data.image.fit import fit_image, read_for_size
from keiryo.errors import InputError
from keiryo.models.saved import (
    MODEL_FILE,
    Preprocessing,
    SavedModel,
    SourceChangedWarning,
    describe_source,
    save_model,
)
from keiryo.models.spec import build


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


def test_every_form_of_an_image_is_answered_alike(trial_folder: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    path = tmp_path / "image.png"
    Image.fromarray(pixels).save(path)
    predictor = keiryo.load(str(trial_folder))
    expected = predictor.predict_file(str(path))
    forms: list[Any] = [path, path.read_bytes(), pixels, Image.open(path)]
    for form in forms:
        assert predictor.predict_file(form) == expected
        assert predictor.predict(form) == expected
    several = predictor.predict_file([str(path), *forms])
    for guesses in several:
        assert [g.label for g in guesses] == [g.label for g in expected]
    assert len(several) == 5
    assert len(predictor.predict(np.stack([pixels, pixels]))) == 2
    assert predictor.predict([]) == []


def test_a_pillow_image_is_read_as_its_file(trial_folder: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (40, 60, 4), dtype=np.uint8)
    predictor = keiryo.load(trial_folder)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    for mode, options in (("RGBA", {}), ("L", {}), ("P", {}), ("RGB", {"exif": exif})):
        path = tmp_path / f"{mode}.png"
        Image.fromarray(pixels).convert(mode).save(path, **options)
        with Image.open(path) as image:
            assert predictor.predict(image) == predictor.predict(path), mode
    data = io.BytesIO()
    Image.fromarray(pixels).convert("CMYK").save(data, format="TIFF")
    assert len(predictor.predict(Image.open(data))) == 3


@pytest.mark.parametrize(
    ("image", "hint"),
    [
        ("absent.jpg", r"^absent\.jpg: cannot be opened"),
        (b"junk", "^image 0: not an image"),
        (np.zeros((4, 4, 3)), "^image 0: an array of float64; give uint8"),
        (np.zeros((4, 4, 2), np.uint8), "^image 0: an array of 4 x 4 x 2; give height x width x 3"),
        ("ftp://example.org/a.jpg", "^ftp://example.org/a.jpg: not an http or https address"),
    ],
)
def test_an_image_that_cannot_be_read_is_named(trial_folder: Path, image: Any, hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        keiryo.load(trial_folder).predict(image)


def test_a_comparisons_folder_stands_for_its_recommended_trial(
    trial_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(trial_folder, tmp_path / "trials" / "a")
    (tmp_path / "results.json").write_text(json.dumps({"recommended_trial": "trials/a"}))
    assert keiryo.load(tmp_path).classes == ["rose", "薔薇", "tulip"]
    (tmp_path / "results.json").write_text(json.dumps({"recommended_trial": None}))
    with pytest.raises(InputError, match="recommends no model; name one of its trials"):
        keiryo.load(tmp_path)
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(InputError, match=r"results\.json: not a comparison's"):
        keiryo.load(tmp_path)


def test_a_network_of_ones_own_is_found_again(tmp_path: Path) -> None:
    source = tmp_path / "project" / "mine.py"
    folder = tmp_path / "project" / "out" / "trial"
    folder.mkdir(parents=True)
    source.write_text(
        "from torch import nn\n"
        "def net(classes): return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, classes))\n"
    )
    model = f"{source}:net"
    description = SavedModel(
        keiryo_version="0",
        model=model,
        classes=["a", "b"],
        preprocessing=Preprocessing(size=8, mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2)),
        source=describe_source(model, folder),
    )
    save_model(folder / MODEL_FILE, build(model, classes=2), description)
    image = np.zeros((8, 8, 3), np.uint8)
    expected = keiryo.load(folder).predict(image)
    # Moved together with its source, it is still found.
    moved = (tmp_path / "project").rename(tmp_path / "moved")
    assert keiryo.load(moved / "out" / "trial").predict(image) == expected
    away = (moved / "mine.py").rename(tmp_path / "away.py")
    with pytest.raises(InputError, match=r"defined in mine\.py, which is not at .*--model-source"):
        keiryo.load(moved / "out" / "trial")
    assert keiryo.load(moved / "out" / "trial", source=away).predict(image) == expected
    away.write_text(away.read_text() + "# changed\n")
    with pytest.warns(SourceChangedWarning, match="has changed since"):
        keiryo.load(moved / "out" / "trial", source=str(away))
    with pytest.raises(InputError, match=r"--model-source .*absent\.py: no such file"):
        keiryo.load(moved / "out" / "trial", source=tmp_path / "absent.py")


def test_a_source_for_one_of_keiryos_networks_is_refused(trial_folder: Path) -> None:
    with pytest.raises(InputError, match="not defined in a file of its own; leave it out"):
        keiryo.load(trial_folder, source="mine.py")
