"""The diagnosis of a training: findings, each with evidence and advice.

Each check takes the evidence and returns a finding, or None.
"""

from keiryo.records.base import Finding
from keiryo.records.findings import gravest_first
from keiryo.train.diagnosis import batch_norm, gradients, learning, steps
from keiryo.train.diagnosis.evidence import Evidence, HeldOut

__all__ = ["Evidence", "HeldOut", "diagnose"]

CHECKS = (
    learning.non_finite,
    gradients.vanishing_gradients,
    gradients.exploding_gradients,
    gradients.dead_relus,
    steps.step_too_large,
    steps.step_too_small,
    learning.stuck_at_chance,
    learning.at_chance_when_stopped,
    learning.class_collapse,
    batch_norm.statistics_lag,
    batch_norm.batch_too_small,
    learning.overfitting,
    learning.underfitting,
    steps.plateau,
    learning.label_noise,
    learning.too_short,
    learning.few_steps,
    steps.input_bound,
)
# A finding, and those that its advice would contradict or that it explains.
OVERRULES = {
    "step_too_small": ("plateau",),
    "batch_too_small": ("few_steps",),
    "at_chance_when_stopped": ("overfitting", "too_short"),
    "stuck_at_chance": ("overfitting",),
    "underfitting": ("few_steps",),
}
# Checks for trainings that used their whole budget. A paused one is short on purpose, and its loss
# may stand still at a high learning rate and fall later.
NEEDS_WHOLE_BUDGET = ("too_short", "plateau")


def diagnose(evidence: Evidence) -> list[Finding]:
    """Return the findings, the gravest first; causes before their effects."""
    findings = [finding for check in CHECKS if (finding := check(evidence)) is not None]
    if evidence.has_paused:
        findings = [finding for finding in findings if finding.code not in NEEDS_WHOLE_BUDGET]
    if any(finding.severity == "error" for finding in findings):
        # More time would not cure an error.
        findings = [finding for finding in findings if finding.code != "too_short"]
    hardly_began = evidence.at_chance and not evidence.is_long_enough
    overruled = {code for finding in findings for code in OVERRULES.get(finding.code, ())}
    if hardly_began:
        overruled.add("overfitting")
    return gravest_first([finding for finding in findings if finding.code not in overruled])
