import math

import pytest

from keiryo.results import Epoch
from keiryo.train.diagnosis import diagnose


def history_of(losses: list[float], train_accuracy: float) -> list[Epoch]:
    return [
        Epoch(
            epoch=number + 1,
            train_loss=loss,
            train_accuracy=train_accuracy,
            val_loss=loss,
            val_accuracy=0.2,
            learning_rate=1e-3,
            seconds=1,
        )
        for number, loss in enumerate(losses)
    ]


CHANCE = math.log(5)
LEARNT = [1.5, 1.2, 0.9, 0.6, 0.4, 0.3]


@pytest.mark.parametrize(
    ("losses", "running", "train", "val", "codes"),
    [
        (LEARNT, 0.92, 0.93, 0.90, []),
        ([CHANCE] * 8, 0.24, 0.24, 0.24, ["stuck_at_chance"]),
        ([CHANCE] * 2, 0.24, 0.24, 0.24, ["too_short"]),
        (LEARNT, 0.95, 0.95, 0.60, ["overfitting"]),
        # The experiment's MobileNetV2: learnt while training, at chance in inference mode.
        (LEARNT, 0.95, 0.23, 0.22, ["statistics_lag"]),
        ([], 0.0, 0.0, 0.0, []),
    ],
)
def test_each_fault_is_found_and_nothing_else(
    losses: list[float], running: float, train: float, val: float, codes: list[str]
) -> None:
    findings = diagnose(
        history_of(losses, running), classes=5, train_accuracy=train, val_accuracy=val
    )
    assert [finding.code for finding in findings] == codes
    assert all(finding.evidence and finding.advice for finding in findings)
