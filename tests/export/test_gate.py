"""The gate reads the files of images as the runtime will."""

from pathlib import Path

import numpy as np

from conftest import write_images
from keiryo.comparison.exporting.compared_images import ComparedImages
from keiryo.comparison.exporting.gate import Gate
from keiryo.data.image.fit import fit_image, read_for_size
from keiryo.export.agreement import TOLERANCE
from keiryo.export.onnx import encode_onnx
from keiryo.export.targets import TARGETS
from keiryo.models.saved import MODEL_FILE, load_model
from keiryo.records.export import Agreement


def test_files_are_read_by_the_runtime(trial_folder: Path, tmp_path: Path) -> None:
    network, description = load_model(trial_folder / MODEL_FILE)
    model = tmp_path / "model.onnx"
    model.write_bytes(encode_onnx(network, description))
    files = sorted(write_images(tmp_path, classes=1, each=3, size=80).rglob("*.jpg"))
    pixels = np.stack([fit_image(read_for_size(file, 32).pixels, 32, "crop") for file in files])

    def measure() -> Agreement:
        images = ComparedImages(3, "data", lambda part: pixels[part.start : part.stop], files=files)
        return Gate(network, description, images, 1).measure(model, TARGETS["onnx"])[0]

    same = measure()
    assert (same.files, same.unread_files, same.images) == (3, [], 3)
    assert same.largest_difference <= TOLERANCE
    assert (same.largest_pixel_difference or 0) <= 1
    files[0].write_bytes(files[2].read_bytes())
    files[1].write_text("no image")
    other = measure()
    assert other.files == 2
    assert len(other.unread_files) == 1
    assert "not an image" in other.unread_files[0]
    assert (other.largest_pixel_difference or 0) > 1
    assert other.largest_difference <= TOLERANCE
    assert other.largest_difference_from_files > same.largest_difference_from_files
