"""Checks of the outcome: how well the network learnt, and how well it generalises."""

import numpy as np

from keiryo.records.base import Finding
from keiryo.sentences import some_of
from keiryo.statistics import area_under_roc
from keiryo.train.batch_size import FEWEST_STEPS, largest_useful_batch
from keiryo.train.classification.label_errors import find_suspect_labels
from keiryo.train.diagnosis.batch_norm import statistics_lag
from keiryo.train.diagnosis.evidence import Evidence

OVERFITTING_GAP = 0.15
POOR_ACCURACY = 0.75
SMALL_GAP = 0.05
STILL_RISING = 0.05
HARDLY_WORSE = 1.5  # times the loss of guessing; above it, more time would not help
COLLAPSED = 0.9
LARGEST_FAIR_SHARE = 0.7
FEWEST_OF_CLASS = 5
FEWEST_ERRORS = 15
FEW_STEPS_IN_ALL = 50
GOOD_ACCURACY = 0.95
SUSPECT_SHARE = 0.05
BLIND_CONFIDENCE = 0.58
FULL_SPEED = 0.5  # a learning rate of at least half its peak
STILL_FALLING = 0.05
NOTABLE_CROP = 0.1  # of the images' area


def non_finite(evidence: Evidence) -> Finding | None:
    """Find a training whose loss was no longer a number."""
    if evidence.failure is None:
        return None
    return Finding(
        code="non_finite",
        severity="error",
        evidence=evidence.failure,
        advice="The steps were too large, or the images or weights hold values that are not "
        "finite: use --recipe keiryo, a smaller --learning-rate, or a variant with a norm.",
    )


def stuck_at_chance(evidence: Evidence) -> Finding | None:
    """Find a training that is no better than guessing after enough epochs."""
    if not evidence.at_chance or not evidence.is_long_enough:
        return None
    return Finding(
        code="stuck_at_chance",
        severity="error",
        evidence=_compare_with_chance(evidence),
        advice="Use --recipe keiryo if it was not used, or a variant with normalisation, such as "
        "norm=batch; other findings may say why it does not learn.",
    )


def at_chance_when_stopped(evidence: Evidence) -> Finding | None:
    """Find a training that was stopped before it was better than guessing."""
    if not evidence.at_chance or not (evidence.was_stopped or evidence.has_paused):
        return None
    if evidence.is_long_enough:
        return None  # it is stuck, which is another finding
    return Finding(
        code="at_chance_when_stopped",
        severity="info",
        evidence=f"{_compare_with_chance(evidence)}: it was stopped before it had learnt",
        advice="Do not judge the model by it; --resume continues a training that was interrupted.",
    )


def few_steps(evidence: Evidence) -> Finding | None:
    """Find batches so large that a small set gives only a few steps an epoch."""
    images, steps = evidence.train_images, evidence.steps_per_epoch
    if images is None or steps is None or steps >= FEWEST_STEPS:
        return None
    if (evidence.train_accuracy or 0.0) > GOOD_ACCURACY:
        return None
    better = largest_useful_batch(images)
    if better >= evidence.batch:
        return None
    left_out = images - steps * evidence.batch
    in_all = steps * len(evidence.history)
    first = evidence.snapshots[0] if evidence.snapshots else None
    idle = (
        f", and the first of {in_all} steps has a learning rate of zero"
        if first is not None and first.learning_rate == 0 and in_all < FEW_STEPS_IN_ALL
        else ""
    )
    unused = f", and leave out {left_out} of the {images} images" if left_out > 0 else ""
    return Finding(
        code="few_steps",
        severity="warning",
        evidence=f"batches of {evidence.batch} make an epoch of {steps} "
        f"step{'s' * (steps != 1)}{unused}{idle}; a network learns little in so few steps",
        advice=f"Give --batch {better}, or more --epochs.",
    )


def too_short(evidence: Evidence) -> Finding | None:
    """Find a training that ended when it had hardly begun, or while its accuracy rose fast."""
    history = evidence.history
    if not history:
        return None
    advice = "Give it more --minutes or --epochs before judging it, or smaller images by --size."
    if evidence.at_chance and not evidence.is_long_enough:
        if not history[-1].train_loss < HARDLY_WORSE * evidence.chance_loss:
            return None
        return Finding(
            code="too_short",
            severity="warning",
            evidence=f"{_compare_with_chance(evidence)}: it has hardly begun to learn",
            advice=advice,
        )
    earlier = history[-1 - max(1, len(history) // 4)] if len(history) > 1 else None
    if earlier is None or evidence.at_chance:
        return None
    before, now = earlier.val_accuracy, history[-1].val_accuracy
    if before is None or now is None or now - before < STILL_RISING:
        return None
    back = history[-1].epoch - earlier.epoch
    when = "in the last" if back == 1 else f"over the last {back}"
    return Finding(
        code="too_short",
        severity="info",
        evidence=f"held-out accuracy still rose from {before:.1%} to {now:.1%} {when} of "
        f"{len(history)} epochs",
        advice=advice,
    )


def overfitting(evidence: Evidence) -> Finding | None:
    """Find training images that are classified far better than held-out ones."""
    if evidence.train_accuracy is None or evidence.val_accuracy is None:
        return None
    if evidence.train_accuracy - evidence.val_accuracy <= OVERFITTING_GAP:
        return None
    if not evidence.uses_own_recipe:
        more = "Use --recipe keiryo for its augmentation"
    elif evidence.recipe == "keiryo":
        more = "Use --recipe long with more --epochs"
    else:
        more = "Use more augmentation (--augment mixup=0.2,cutmix=1)"
    return Finding(
        code="overfitting",
        severity="warning",
        evidence=f"accuracy in inference mode is {evidence.train_accuracy:.1%} on training images, "
        f"{evidence.val_accuracy:.1%} on held-out ones",
        advice=f"{more}, give more images, weights to start from (--pretrained), or a smaller "
        f"model.{_advise_on_crop(evidence)}",
    )


def underfitting(evidence: Evidence) -> Finding | None:
    """Find a network that classifies even its training images badly, and no longer improves."""
    train, val = evidence.train_accuracy, evidence.val_accuracy
    if train is None or val is None or evidence.at_chance or not evidence.is_long_enough:
        return None
    if train > POOR_ACCURACY or train - val > SMALL_GAP or too_short(evidence) is not None:
        return None
    if evidence.schedule_has_ended and _fell_at_full_speed(evidence):
        return None  # it no longer rises because its steps are small, not because it cannot
    # Its accuracy during the training shows that it has learnt.
    if (evidence.history[-1].train_accuracy or 0.0) > POOR_ACCURACY or statistics_lag(evidence):
        return None
    return Finding(
        code="underfitting",
        severity="warning",
        evidence=f"accuracy is {train:.1%} on training images and {val:.1%} on held-out ones, and "
        "no longer rises; more images would not help",
        advice="Use a larger model (a larger width or more layers), larger images by --size, "
        f"more --epochs, or use less augmentation (--augment none).{_advise_on_crop(evidence)}",
    )


def class_collapse(evidence: Evidence) -> Finding | None:
    """Find predictions that leave classes out: nearly all of one class, or never one."""
    held_out = evidence.held_out
    if held_out is None or not len(held_out.labels):
        return None
    if evidence.at_chance and not evidence.is_long_enough:
        return None  # it has hardly begun to learn
    shares = np.bincount(held_out.predicted, minlength=evidence.classes) / len(held_out.labels)
    counts = np.bincount(held_out.labels, minlength=evidence.classes)
    likeliest = int(shares.argmax())
    fair = counts[likeliest] / len(held_out.labels)
    others = len(held_out.labels) - counts[likeliest]
    names_one_class = shares[likeliest] == 1 and others >= FEWEST_OF_CLASS
    if names_one_class or (shares[likeliest] >= COLLAPSED and fair <= LARGEST_FAIR_SHARE):
        return Finding(
            code="class_collapse",
            severity="error",
            evidence=f"the network predicts {evidence.class_name(likeliest)} for "
            f"{shares[likeliest]:.0%} of the held-out images; {fair:.0%} have that label",
            advice="See the other findings for why no other class is predicted."
            if fair <= LARGEST_FAIR_SHARE
            else "Use --class-weights and --metric balanced, or give more images of the other "
            "classes.",
        )
    never = np.flatnonzero((shares == 0) & (counts >= FEWEST_OF_CLASS))
    if not len(never) or evidence.at_chance:
        return None
    names = some_of([evidence.class_name(int(number)) for number in never], joint=" or ")
    return Finding(
        code="class_collapse",
        severity="warning",
        evidence=f"the network never predicts {names}, but {counts[never].sum()} held-out images "
        "have such a label",
        advice="Give more images of these classes, or train for more --epochs.",
    )


def label_noise(evidence: Evidence) -> Finding | None:
    """Find held-out labels that contradict confident predictions.

    A network is less confident in its wrong predictions than in its right ones. If labels are wrong
    at random, confidence does not separate the two (area under the ROC curve near 0.5, Hendrycks &
    Gimpel 2017), and confident learning (Northcutt et al. 2021) finds many wrong labels.
    """
    held_out = evidence.held_out
    if held_out is None or not held_out.is_skilled:
        return None
    hits = held_out.predicted == held_out.labels
    if hits.all() or (~hits).sum() < FEWEST_ERRORS:
        return None
    suspects = len(find_suspect_labels(held_out.probabilities, held_out.labels)) / len(hits)
    separation = area_under_roc(hits, held_out.probabilities.max(1))
    if separation > BLIND_CONFIDENCE or suspects < SUSPECT_SHARE:
        return None
    return Finding(
        code="label_noise",
        severity="warning",
        evidence=f"{suspects:.0%} of the held-out labels contradict confident predictions, and "
        "wrong predictions are as confident as right ones (area under the ROC curve "
        f"{separation:.2f}; 0.5 is no difference)",
        advice="Look at the labels that may be wrong in the report, and run keiryo data check; "
        "--folds 5 examines every image.",
    )


def _fell_at_full_speed(evidence: Evidence) -> bool:
    """Return True if the training loss fell to the end of the time at a high learning rate."""
    peak = max(epoch.learning_rate for epoch in evidence.history)
    losses = [
        epoch.train_loss for epoch in evidence.history if epoch.learning_rate >= FULL_SPEED * peak
    ]
    middle = len(losses) // 2
    if middle == 0:
        return True
    return min(losses[middle:]) < (1 - STILL_FALLING) * min(losses[:middle])


def _advise_on_crop(evidence: Evidence) -> str:
    """Return a sentence of advice if --fit crop may have cut off what the classes differ in."""
    if evidence.cropped_share < NOTABLE_CROP:
        return ""
    return (
        f" --fit crop cut off {evidence.cropped_share:.0%} of the images' area: if what shows the "
        "class may lie at their edges, use --fit letterbox."
    )


def _compare_with_chance(evidence: Evidence) -> str:
    last = evidence.history[-1]
    how = f"gives ln {evidence.classes}"
    if evidence.class_shares and len(set(evidence.class_shares)) > 1:
        how = "by the shares of the classes gives their entropy,"
    return (
        f"after {last.epoch} epoch{'s' * (last.epoch > 1)} the training loss is "
        f"{last.train_loss:.3f}; guessing {how} = {evidence.chance_loss:.3f}"
    )
