"""Checks of the steps: their size, their gain, and the time spent waiting for images."""

from statistics import median

from keiryo.records.base import Finding
from keiryo.train.diagnosis.evidence import Evidence, median_update

LARGE_UPDATE = 0.03
SPIKE = 2.0  # times the loss of guessing
SMALL_UPDATE = 1e-4
POOR_LOSS = 0.5  # times that of guessing
EPOCHS_FOR_PLATEAU = 8
PLATEAU_GAIN = 0.05
GOOD_ACCURACY = 0.95
WAITING = 0.1
USUAL_UPDATE = 1e-3


def step_too_large(evidence: Evidence) -> Finding | None:
    """Find steps that change weights by a thirtieth or more while the loss stays high.

    A thousandth is usual for networks that learn.
    """
    later = [s for s in evidence.snapshots if s.step > 0]
    if not later:
        return None
    spikes = [s for s in later if not s.loss <= SPIKE * evidence.chance_loss]
    largest = max(evidence.snapshots, key=median_update)
    update = median_update(largest)
    fails = evidence.at_chance or evidence.failure is not None
    if not fails or not update > (USUAL_UPDATE if spikes else LARGE_UPDATE):
        return None
    loss = f"the loss rose to {spikes[0].loss:.3g}" if spikes else "the loss stays at chance"
    return Finding(
        code="step_too_large",
        severity="error",
        evidence=f"in epoch {largest.epoch} (step {largest.step + 1}) one step changed the weights "
        f"by {update:.1%} (median over layers; {USUAL_UPDATE:.1%} is usual), and {loss} (guessing "
        f"gives {evidence.chance_loss:.2f}); the learning rate was up to "
        f"{max(s.learning_rate for s in evidence.snapshots):.2g}",
        advice=_advise_smaller_steps(evidence),
    )


def step_too_small(evidence: Evidence) -> Finding | None:
    """Find steps that change almost nothing although the loss is high."""
    moving = [s for s in evidence.snapshots if s.learning_rate > 0]
    if not evidence.history or not moving or not evidence.is_long_enough:
        return None
    update = max(median_update(snapshot) for snapshot in moving)
    loss = evidence.history[-1].train_loss
    if update >= SMALL_UPDATE or loss < POOR_LOSS * evidence.chance_loss:
        return None
    largest = max(s.learning_rate for s in moving)
    return Finding(
        code="step_too_small",
        severity="error" if evidence.at_chance else "warning",
        evidence=f"no watched step changed the weights by more than {update:.1e} of "
        f"themselves (median over layers; {USUAL_UPDATE:.0e} is usual), and after "
        f"{len(evidence.history)} epochs the training loss is {loss:.3f} (guessing gives "
        f"{evidence.chance_loss:.3f}); the learning rate was at most {largest:.1g}",
        advice=f"Give a larger --learning-rate: {largest * USUAL_UPDATE / max(update, 1e-12):.1g} "
        "would give usual steps.",
    )


def plateau(evidence: Evidence) -> Finding | None:
    """Find a training whose second half gained nothing although the loss is high."""
    losses = [epoch.train_loss for epoch in evidence.history]
    if len(losses) < EPOCHS_FOR_PLATEAU or evidence.at_chance:
        return None
    half = len(losses) // 2
    before, after = min(losses[:half]), min(losses[half:])
    accuracy = evidence.history[-1].train_accuracy or 0.0
    if after < (1 - PLATEAU_GAIN) * before or accuracy > GOOD_ACCURACY:
        return None
    scales = [s.noise_scale for s in evidence.snapshots[len(evidence.snapshots) // 2 :]]
    known = [scale for scale in scales if scale is not None]
    noise = (
        f"; the gradient's noise scale is {median(known):.0f} images, a batch has {evidence.batch}"
        if known
        else ""
    )
    return Finding(
        code="plateau",
        severity="warning",
        evidence=f"the training loss was {before:.3f} by epoch {half} and {after:.3f} in the "
        f"{len(losses) - half} epochs after it; training accuracy is {accuracy:.1%}{noise}",
        advice="Use --recipe keiryo, which lets the learning rate fall to zero."
        if not evidence.uses_own_recipe
        else "Give a smaller --learning-rate, or a larger model or --size.",
    )


def input_bound(evidence: Evidence) -> Finding | None:
    """Find a training that waits for its images."""
    if evidence.waiting_share < WAITING:
        return None
    return Finding(
        code="input_bound",
        severity="warning",
        evidence=f"{evidence.waiting_share:.0%} of the training time was spent waiting for images",
        advice="Put --out on a faster disk, use less augmentation (--augment none), or give more "
        "--threads.",
    )


def _advise_smaller_steps(evidence: Evidence) -> str:
    rate = max(s.learning_rate for s in evidence.snapshots)
    if not evidence.uses_own_recipe:
        return (
            f"Use --recipe keiryo, which warms up and bounds each step, or --learning-rate "
            f"{rate / 10:.1g}."
        )
    return f"Give a smaller --learning-rate, such as {rate / 10:.1g}, or use norm=batch."
