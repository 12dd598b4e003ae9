"""Trainings of all families that go well are not called failures: only in `make test-all`."""

from pathlib import Path

import pytest

import keiryo

# Without instance norm: the mean of a map that it has normalised, which is what these networks
# judge by, hardly differs from image to image, and it is rightly said that nothing is learnt.
HEALTHY = (
    "mobilenet_v1:width=0.25",
    "mobilenet_v1:width=0.5",
    "mobilenet_v1:width=0.25,norm=group",
    "mobilenet_v1:width=0.25,norm=layer",
    "mobilenet_v1:width=0.5,norm=group",
    "mobilenet_v2:width=0.35",
    "mobilenet_v2:width=0.5",
    "mobilenet_v2:width=0.5,norm=group",
    "mobilenet_v2:width=0.5,norm=layer",
    "mobilenet_v2:width=0.35,norm=layer",
    "vgg11",
    "vgg11:norm=batch",
    "resnet18",
    "resnet18:norm=group",
    "resnet18:norm=layer",
    "mobilenet_v1:width=0.75",
    "resnet34",
    "resnet50",
    "densenet121",
    "densenet121:norm=group",
)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("model", HEALTHY)
def test_no_error_is_found_in_a_training_that_learns(model: str, tmp_path: Path) -> None:
    options = {"size": 32, "batch": 64, "epochs": 8}
    comparison = keiryo.compare("digits", [model], out=tmp_path / "out", **options)
    (trial,) = comparison.trials
    errors = [finding for finding in trial.diagnosis if finding.severity == "error"]
    assert trial.status == "done"
    # Four times as good as chance, so that a finding would be a false one.
    assert trial.val_accuracy is not None
    assert trial.val_accuracy > 0.4
    assert not errors, [(finding.code, finding.evidence) for finding in errors]
