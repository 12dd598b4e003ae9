"""The runtime without PyTorch answers as keiryo does, from the files of images on."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from PIL import Image

import keiryo_runtime
from conftest import write_images
from keiryo.data.image import fit as trained
from keiryo.export.onnx import encode_onnx
from keiryo.models.saved import Preprocessing, SavedModel
from keiryo.models.spec import build
from keiryo_runtime.__main__ import main
from keiryo_runtime.decoding import decode_image
from keiryo_runtime.fitting import fit_image

CLASSES = ["rose", "薔薇", "tulip"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.nn.Module]:
    torch.manual_seed(0)
    network = build("mobilenet_v2:width=0.35", classes=3).eval()
    with torch.no_grad():
        network.classifier.weight.mul_(30)  # so that the classes differ  # pyright: ignore
    description = SavedModel(
        keiryo_version="0",
        model="mobilenet_v2:width=0.35",
        classes=CLASSES,
        preprocessing=Preprocessing(size=32, mean=(0.5,) * 3, std=(0.25,) * 3),
    )
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    path.write_bytes(encode_onnx(network, description))
    return path, network


@given(
    st.integers(1, 300), st.integers(1, 300), st.integers(8, 90),
    st.sampled_from(["crop", "letterbox", "stretch"]), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_images_are_fitted_as_in_training(
    height: int, width: int, size: int, fit: Any, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    expected = trained.fit_image(pixels, size, fit)
    found = fit_image(pixels, size, fit)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("height", "width", "size"), [(227, 227, 64), (128, 128, 96), (90, 60, 120), (600, 800, 50)]
)
def test_pixels_are_those_of_the_training(height: int, width: int, size: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    expected, found = trained.fit_image(pixels, size, "crop"), fit_image(pixels, size, "crop")
    # Means over fractions of pixels are summed in another order.
    assert (found != expected).mean() < 0.001


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [(kind, "png") for kind in ("RGB", "L", "P", "LA", "RGBA", "1", "I;16")]
    + [("RGB", "jpg"), ("L", "jpg")],
)
def test_images_are_decoded_as_in_training(kind: str, suffix: str) -> None:
    rows, columns = np.mgrid[0:600, 0:900]
    colors = np.stack([rows * 0.4, columns * 0.28, (rows + columns) * 0.17], axis=2)
    image = Image.fromarray(colors.astype(np.uint8))
    if kind == "I;16":
        image = Image.fromarray((rows * 100).astype(np.uint16))
    elif kind in ("LA", "RGBA"):
        image.putalpha(image.getchannel(0))
        image = image.convert(kind)
    else:
        image = image.convert(kind)
    file = io.BytesIO()
    turned = Image.Exif()
    turned[0x0112] = 6
    image.save(file, format={"png": "PNG", "jpg": "JPEG"}[suffix], exif=turned)
    data = file.getvalue()
    expected = trained.decode_for_size(data, 64, suffix=f".{suffix}").pixels
    found = decode_image(data, 64)
    assert found.shape == expected.shape
    assert found.shape[0] > found.shape[1]  # upright
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_large_jpegs_are_decoded_at_the_scale_of_the_training() -> None:
    rows, columns = np.mgrid[0:900, 0:1300]
    colors = np.stack([rows * 0.28, columns * 0.19, (rows + columns) * 0.11], axis=2)
    file = io.BytesIO()
    Image.fromarray(colors.astype(np.uint8)).save(file, format="JPEG", quality=95)
    for size in (32, 300):
        expected = trained.decode_for_size(file.getvalue(), size, suffix=".jpg").pixels
        found = decode_image(file.getvalue(), size)
        assert found.shape == expected.shape
        assert np.abs(found.astype(int) - expected).max() <= 1


def test_predictions_are_those_of_the_network(
    model: tuple[Path, torch.nn.Module], tmp_path: Path
) -> None:
    path, network = model
    folder = write_images(tmp_path, classes=2, each=3, size=80)
    files = sorted(folder.rglob("*.jpg"))
    predictor = keiryo_runtime.load(path)
    assert (predictor.classes, predictor.size) == (CLASSES, 32)
    squares = np.stack(
        [trained.fit_image(trained.read_for_size(file, 32).pixels, 32, "crop") for file in files]
    )
    inputs = (torch.from_numpy(squares).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25
    with torch.inference_mode():
        expected = network(inputs).softmax(1).numpy()
    for file, guesses, row in zip(files, predictor.predict(list(files)), expected, strict=True):
        by_label = {guess.label: guess.probability for guess in guesses}
        assert [by_label[label] for label in CLASSES] == pytest.approx(row.tolist(), abs=0.01)
        assert guesses[0].label == CLASSES[int(row.argmax())]
        for given_as in (str(file), file.read_bytes(), Image.open(file)):
            assert predictor.predict(given_as)[0] == guesses[0]
    pixels = np.asarray(Image.open(files[0]))
    assert predictor.predict(pixels) == predictor.predict(np.stack([pixels]))[0]
    assert predictor.predict([]) == []


def test_what_cannot_be_read_is_said(model: tuple[Path, torch.nn.Module], tmp_path: Path) -> None:
    path, _ = model
    whole = path.read_bytes()
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    other = helper.make_model(
        helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "other", [value],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])]),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
    )  # fmt: skip
    newer = onnx.load_from_string(whole)
    for entry in newer.metadata_props:
        if entry.key == "keiryo":
            entry.value = json.dumps(json.loads(entry.value) | {"format_version": 99})
    for name, content, said in (
        ("absent.onnx", None, "no such file"),
        ("short.onnx", whole[: len(whole) // 2], "ONNX Runtime cannot read this file"),
        ("words.onnx", b"no model", "ONNX Runtime cannot read this file"),
        ("other.onnx", other.SerializeToString(), "not one that keiryo exported"),
        ("newer.onnx", newer.SerializeToString(), "newer version"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(keiryo_runtime.ModelError, match=said) as refused:
            keiryo_runtime.load(tmp_path / name)
        assert name in str(refused.value)
        assert "\n" not in str(refused.value)
    predictor = keiryo_runtime.load(path)
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "words.jpg").write_text("no image")
    for image, said in (
        (tmp_path / "absent.jpg", "absent.jpg: cannot be opened"),
        (tmp_path / "empty.jpg", "empty.jpg: the file is empty"),
        (tmp_path / "words.jpg", "words.jpg: not an image"),
        (np.zeros((4, 4, 3)), "image 0: an array of float64"),
        (np.zeros((4, 4, 7), np.uint8), "image 0: an array of 4 x 4 x 7"),
    ):
        with pytest.raises(keiryo_runtime.UnreadableImageError, match=said):
            predictor.predict(image)


def test_the_command_answers_for_all_images_that_it_can_read(
    model: tuple[Path, torch.nn.Module],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, _ = model
    write_images(tmp_path, classes=1, each=2)
    (tmp_path / "broken.png").write_text("no image")

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["keiryo_runtime", *map(str, arguments)])
        status = main()
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    status, out, err = run(path, tmp_path, "--json", "--top", 2)
    assert (status, err.count("\n")) == (2, 1)
    assert "broken.png: not an image" in err
    answers = json.loads(out)
    assert [Path(answer["image"]).name for answer in answers] == ["000.jpg", "001.jpg"]
    assert [len(answer["labels"]) for answer in answers] == [2, 2]
    first = next(tmp_path.rglob("000.jpg"))
    status, out, err = run(path, first, "--csv")
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == "image,rank,label,probability"
    assert run(tmp_path / "absent.onnx", first)[0] == 2


def test_it_needs_neither_torch_nor_keiryo(model: tuple[Path, torch.nn.Module]) -> None:
    code = (
        "import sys, numpy, keiryo_runtime\n"
        f"predictor = keiryo_runtime.load({str(model[0])!r})\n"
        "predictor.predict(numpy.zeros((40, 40, 3), numpy.uint8))\n"
        "print(sorted({'torch', 'keiryo', 'cv2', 'scipy', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
