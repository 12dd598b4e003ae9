"""What is said of a comparison as a whole: each case that was seen, and a healthy one."""

import pytest

from comparisons import compared as described
from keiryo.comparison.conclusions import conclude
from keiryo.comparison.rank import over_known_limits
from keiryo.records.comparison import Limits, Trial
from keiryo.records.costs import Cost
from keiryo.records.data import DataSummary
from keiryo.records.export import TrialExport
from keiryo.records.speed import Latency
from keiryo.statistics import wilson_interval

REASON = "cannot be exported to ONNX: Exporting the operator 'aten::sort' is not supported"


def trial(model: str, correct: int, of: int = 60, **figures: object) -> Trial:
    latency = Latency(p50=8, p95=9, best=4, batch=1, threads=2, runs=30, device="cpu")
    return Trial.model_validate(
        {
            "model": model,
            "seed": 0,
            "status": "done",
            "folder": f"trials/{model}",
            "val_accuracy": correct / of,
            "val_accuracy_interval": wilson_interval(correct, of),
            "val_balanced_accuracy": correct / of,
            "latency_ms": latency,
            "processor_share": 0.98,
            **figures,
        }
    )


def compared(
    *trials: Trial, largest: float = 0.2, limits: Limits | None = None, **options: object
) -> dict[str, str]:
    """Return what is found of a comparison of these trials, by code."""
    data = DataSummary(
        name="set", size=32, classes=list("abcde"), train_images=240, val_images=60,
        largest_class_share=largest,
    )  # fmt: skip
    comparison = described(*trials, limits=limits or Limits(), data=data, **options)
    return {finding.code: finding.evidence for finding in conclude(comparison)}


def test_nothing_is_said_of_a_good_comparison() -> None:
    good = trial("a", 55), trial("b", 50)
    assert compared(*good) == {}
    assert compared(*good, limits=Limits(max_latency_ms=8)) == {}
    assert compared(*good, epochs=None, minutes=1.0) == {}


@pytest.mark.parametrize(
    ("correct", "of", "largest"),
    [(12, 60, 0.2), (55, 61, 0.9)],
    ids=["a fifth of five classes", "the largest class throughout"],
)
def test_a_network_at_chance_is_not_recommended_in_silence(
    correct: int, of: int, largest: float
) -> None:
    found = compared(trial("a", correct, of), largest=largest)
    assert (
        f"always naming the largest class gives {largest:.1%}" in found["no_better_than_baseline"]
    )


def test_by_balanced_accuracy_guessing_is_the_baseline() -> None:
    rare_classes_too = trial("a", 50, val_balanced_accuracy=0.7)
    assert compared(rare_classes_too, largest=0.9, metric="balanced") == {}
    one_class = trial("a", 54, val_balanced_accuracy=0.2)
    assert "no_better_than_baseline" in compared(one_class, largest=0.9, metric="balanced")


def test_unequal_shares_of_the_processor_are_told_under_a_budget_of_time() -> None:
    trials = trial("a", 55, processor_share=0.98), trial("b", 50, processor_share=0.6)
    found = compared(*trials, epochs=None, minutes=1.0)
    assert "trials/b got 60%" in found["unequal_conditions"]
    assert compared(*trials) == {}
    assert compared(*trials, epochs=None, minutes=1.0, budget="processor") == {}


def test_a_limit_on_a_disturbed_latency_excludes_and_admits_nobody_in_silence() -> None:
    disturbed = trial("a", 55)
    assert disturbed.latency_ms is not None
    disturbed.latency_ms.disturbed = True
    said = compared(disturbed, limits=Limits(max_latency_ms=5))["disturbed_near_limit"]
    assert "a is admitted by its fastest run, 4 ms, with a median of 8 ms" in said
    said = compared(disturbed, limits=Limits(max_latency_ms=3))["disturbed_near_limit"]
    assert "a is excluded by its fastest run, 4 ms" in said


def test_networks_that_cannot_be_exported_are_named_with_the_operator() -> None:
    exports = {"onnx": TrialExport(error=REASON)}
    found = compared(
        trial("small", 50, engine="onnx", exports={"onnx": TrialExport(file="model.onnx")}),
        trial("sorts", 40, exports=exports),
        engine="onnx",
        engine_version="ONNX Runtime 1.30",
    )
    assert found.keys() == {"not_exported"}
    assert "sorts: " + REASON in found["not_exported"]
    assert "small" not in found["not_exported"]
    assert compared(trial("sorts", 40, exports=exports)) == {}


def test_a_file_that_an_export_may_bring_under_the_limit_is_not_excluded_before() -> None:
    limits = Limits(max_size_mb=1.0)
    for size, by_torch, by_onnx in ((990_000, True, True), (1_100_000, False, True)):
        cost = Cost.model_construct(parameters=1, size_bytes=size)
        assert (over_known_limits(cost, limits) is None) == by_torch
        assert (over_known_limits(cost, limits, "onnx") is None) == by_onnx
    cost = Cost.model_construct(parameters=1, size_bytes=2_000_000)
    assert "at least 1.6 MB" in (over_known_limits(cost, limits, "onnx") or "")
