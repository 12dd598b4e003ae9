"""Checks of the signal: gradients that vanish or explode, units that are dead."""

import math
from statistics import median

from keiryo.records.base import Finding
from keiryo.records.training import Snapshot
from keiryo.train.diagnosis.evidence import Evidence, layers_with_weights, relative_gradient

VANISHED = 1e-3  # first layers' relative gradient over the last ones'
FEWEST_LAYERS = 6  # fewer have no depth for gradients to vanish over
EXPLODED_NORM = 1e4
EXPLODED_GROWTH = 100.0
EXPLODED_LOSS = 5.0  # times that of guessing
DEAD = 0.8


def vanishing_gradients(evidence: Evidence) -> Finding | None:
    """Find first layers with gradients a thousandth of the last layers', in a network at chance.

    Gradients are compared by depth (Glorot & Bengio 2010, section 4.2), relative to the weights:
    Adam evens out absolute sizes, and the scale of weights before a norm does not matter.
    """
    if not evidence.at_chance:
        return None
    ratios = [ratio for s in evidence.snapshots if (ratio := _gradient_ratio(s)) is not None]
    if not ratios or median(ratios) >= VANISHED:
        return None
    worst = min(evidence.snapshots, key=lambda s: _gradient_ratio(s) or math.inf)
    layers = layers_with_weights(worst)
    return Finding(
        code="vanishing_gradients",
        severity="error",
        evidence=f"the gradients of the first third of the layers are {median(ratios):.1g} times "
        f"those of the last third, relative to their weights: in epoch {worst.epoch} "
        f"{relative_gradient(layers[0]):.1g} at {layers[0].layer} against "
        f"{relative_gradient(layers[-1]):.1g} at {layers[-1].layer}",
        advice="Use a model with normalisation (norm=batch) or with shortcuts, such as resnet18 or "
        "mobilenet_v2.",
    )


def exploding_gradients(evidence: Evidence) -> Finding | None:
    """Find gradients that are, or become, far too large."""
    snapshots = evidence.snapshots
    if not snapshots:
        return None
    first = snapshots[0].gradient_norm
    largest = max(snapshots, key=lambda s: _nan_as_infinite(s.gradient_norm))
    size = _nan_as_infinite(largest.gradient_norm)
    grown = size > EXPLODED_GROWTH * first
    harmful = evidence.failure is not None or any(
        not s.loss <= EXPLODED_LOSS * evidence.chance_loss for s in snapshots
    )
    if not (harmful and (size > EXPLODED_NORM or grown)):
        return None
    layers = layers_with_weights(largest)
    most = max(layers, key=lambda layer: _nan_as_infinite(layer.gradient_norm or 0.0), default=None)
    where = f", most of it at {most.layer}" if most else ""
    return Finding(
        code="exploding_gradients",
        severity="error",
        evidence=f"the gradient's norm was {first:.3g} at first and {size:.3g} in epoch "
        f"{largest.epoch} (step {largest.step + 1}){where}; the loss there was {largest.loss:.3g}, "
        f"guessing gives {evidence.chance_loss:.2f}",
        advice=_advise_smaller_steps(
            evidence, "whose warm-up and clipping of gradients bound each step"
        ),
    )


def dead_relus(evidence: Evidence) -> Finding | None:
    """Find ReLU layers with most of their channels zero for every image of a batch.

    A unit that is zero for all images gets no gradient (Maas et al. 2013, section 2).
    """
    if not evidence.snapshots:
        return None
    last = evidence.snapshots[-1]
    shares = [(layer.dead_share or 0.0, layer.layer) for layer in last.layers]
    dead = [(share, name) for share, name in shares if share >= DEAD]
    if not dead:
        return None
    share, name = max(dead)
    count = sum(1 for layer in last.layers if layer.dead_share is not None)
    return Finding(
        code="dead_relus",
        severity="error" if evidence.at_chance else "warning",
        evidence=f"{len(dead)} of {count} ReLU layers had at least {DEAD:.0%} of their channels at "
        f"zero for a whole batch in epoch {last.epoch} ({name}: {share:.0%}); such units get no "
        "gradient",
        advice=_advise_smaller_steps(evidence, "whose smaller first steps keep units alive"),
    )


def _gradient_ratio(snapshot: Snapshot) -> float | None:
    """Return the relative gradients of the first third of the layers over the last third's."""
    layers = layers_with_weights(snapshot)
    if len(layers) < FEWEST_LAYERS:
        return None
    gradients = [relative_gradient(layer) for layer in layers]
    third = len(layers) // 3
    last = median(gradients[-third:])
    return median(gradients[:third]) / last if last > 0 and math.isfinite(last) else None


def _nan_as_infinite(value: float) -> float:
    return value if math.isfinite(value) else math.inf


def _advise_smaller_steps(evidence: Evidence, why: str) -> str:
    has_norm = any(layer.kind == "batch norm" for layer in evidence.snapshots[-1].layers)
    if not evidence.uses_own_recipe:
        variant = "" if has_norm else ", or a variant with a norm, such as norm=batch"
        return f"Use --recipe keiryo, {why}{variant}."
    if has_norm:
        return (
            "Give a smaller --learning-rate. If the accuracy is good, this says only that a "
            "narrower network would do."
        )
    return "Use a variant with a norm, such as norm=batch, or give a smaller --learning-rate."
