"""Checks of batch norm's statistics: the running ones, and those of small batches."""

from keiryo.records.base import Finding
from keiryo.records.training import LayerSnapshot
from keiryo.train.diagnosis.evidence import Evidence

STATISTICS_GAP = 0.15
SMALL_BATCH = 8
NOISY_MEAN_GAP = 0.15


def statistics_lag(evidence: Evidence) -> Finding | None:
    """Find running statistics that do not fit the weights.

    It is not overfitting if the training images themselves are classified far worse with the
    running statistics than with those of each batch.
    """
    by_batch = evidence.accuracy_by_batch_statistics
    if by_batch is None or evidence.train_accuracy is None or not evidence.history:
        return None
    if by_batch - evidence.train_accuracy <= STATISTICS_GAP:
        return None
    worst = max(_norms(evidence), key=lambda layer: layer.mean_gap or 0.0, default=None)
    layer = (
        f"; at {worst.layer} the running mean is {worst.mean_gap:.1f} standard deviations from "
        f"the batches', the running variance {worst.variance_ratio:.2g} times theirs"
        if worst
        else ""
    )
    return Finding(
        code="statistics_lag",
        severity="error",
        evidence=f"accuracy on the same training images is {by_batch:.1%} with each batch's own "
        f"statistics, and {evidence.train_accuracy:.1%} with batch norm's running ones, which "
        f"inference uses; so it is not overfitting{layer}",
        advice=_advise_faster_statistics(evidence),
    )


def batch_too_small(evidence: Evidence) -> Finding | None:
    """Find batches so small that their means are mostly noise (Wu & He 2018, figure 1)."""
    worst = max(_norms(evidence), key=lambda layer: layer.mean_gap or 0.0, default=None)
    batch = evidence.batch // evidence.accumulate
    if batch >= SMALL_BATCH or worst is None or (worst.mean_gap or 0.0) < NOISY_MEAN_GAP:
        return None
    parts = "" if evidence.accumulate == 1 else " (the parts of --accumulate)"
    return Finding(
        code="batch_too_small",
        severity="warning",
        evidence=f"batches of {batch}{parts}: at {worst.layer} a batch's means are "
        f"{worst.mean_gap:.2f} standard deviations from the running ones, so the output for an "
        "image depends on the others in its batch",
        advice="Give a larger --batch, 16 or more, or use norm=group, which does not depend on it.",
    )


def _norms(evidence: Evidence) -> list[LayerSnapshot]:
    if not evidence.snapshots:
        return []
    layers = evidence.snapshots[-1].layers
    return [layer for layer in layers if layer.kind == "batch norm" and layer.mean_gap is not None]


def _advise_faster_statistics(evidence: Evidence) -> str:
    if not evidence.uses_own_recipe:
        return "Use --recipe keiryo, whose running statistics follow within some ten steps."
    return "Train for more --epochs, with a smaller --batch, or use norm=group."
