"""Whether batch norm's statistics serve: those that are kept, and those of small batches."""

from keiryo.results import Finding, LayerSnapshot
from keiryo.train.diagnosis.evidence import Evidence

STATISTICS_GAP = 0.15
SMALL_BATCH = 8
NOISY_MEAN_GAP = 0.15


def statistics_lag(evidence: Evidence) -> Finding | None:
    """Find running statistics that do not fit the weights.

    Told from overfitting by the training pictures: they too are told apart far worse in
    inference mode than while training. And held-out pictures are told apart once batch
    norm takes each batch's own statistics.
    """
    if not evidence.history or evidence.train_accuracy is None or evidence.val_accuracy is None:
        return None
    running = evidence.history[-1].train_accuracy
    by_batch = evidence.accuracy_by_batch_statistics
    lost = running - evidence.train_accuracy > STATISTICS_GAP
    regained = by_batch is not None and by_batch - evidence.val_accuracy > STATISTICS_GAP
    if not regained and not (lost and by_batch is None):
        return None
    worst = max(_norms(evidence), key=lambda layer: layer.mean_gap or 0.0, default=None)
    layer = (
        f"; at {worst.layer} the running mean is {worst.mean_gap:.1f} standard deviations from "
        f"the batches', the running variance {worst.variance_ratio:.2g} times theirs"
        if worst
        else ""
    )
    with_batches = (
        f", {by_batch:.1%} when batch norm takes each batch's own statistics" if by_batch else ""
    )
    return Finding(
        code="statistics_lag",
        severity="error",
        evidence=f"training pictures: {running:.1%} right while training, "
        f"{evidence.train_accuracy:.1%} in inference mode, so it is not overfitting; held-out "
        f"pictures: {evidence.val_accuracy:.1%} in inference mode{with_batches}{layer}",
        advice=_faster(evidence),
    )


def batch_too_small(evidence: Evidence) -> Finding | None:
    """Find batches whose means are mostly chance (Wu & He 2018, figure 1)."""
    worst = max(_norms(evidence), key=lambda layer: layer.mean_gap or 0.0, default=None)
    if evidence.batch >= SMALL_BATCH or worst is None or (worst.mean_gap or 0.0) < NOISY_MEAN_GAP:
        return None
    return Finding(
        code="batch_too_small",
        severity="warning",
        evidence=f"batches of {evidence.batch}: at {worst.layer} a batch's means are "
        f"{worst.mean_gap:.2f} standard deviations from the running ones, so what comes of a "
        "picture hangs on the others that happen to be in its batch",
        advice="Give a larger --batch, 16 or more, or use norm=group, which does not hang on it.",
    )


def _norms(evidence: Evidence) -> list[LayerSnapshot]:
    if not evidence.snapshots:
        return []
    layers = evidence.snapshots[-1].layers
    return [layer for layer in layers if layer.kind == "batch norm" and layer.mean_gap is not None]


def _faster(evidence: Evidence) -> str:
    if evidence.recipe != "keiryo":
        return "Use --recipe keiryo, whose running statistics follow within some ten steps."
    return "Train for more --epochs, with a smaller --batch, or use norm=group."
