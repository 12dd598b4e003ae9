"""Networks learn from scratch what can be learnt: minutes each, so only in `make test-all`."""

from pathlib import Path

import pytest

import keiryo


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("model", "options", "least"),
    [
        ("mobilenet_v1:width=0.5", {"size": 64, "batch": 64, "epochs": 14}, 0.9),
        ("mobilenet_v2:width=0.5", {"size": 64, "batch": 64, "epochs": 20}, 0.9),
        # The experiment's VGG16, without normalisation, stayed at chance (0.2 here).
        ("vgg16", {"size": 32, "batch": 32, "epochs": 5}, 0.6),
    ],
)
def test_petals_are_learnt_from_scratch(
    model: str, options: dict[str, int], least: float, tmp_path: Path
) -> None:
    comparison = keiryo.compare("petals:count=3000", [model], out=tmp_path / "out", **options)
    (trial,) = comparison.trials
    assert trial.val_accuracy is not None
    assert trial.val_accuracy > least
