"""Findings about a comparison as a whole: what to know before following its recommendation.

Each check takes the comparison and returns a finding, or None.
"""

from keiryo.comparison.rank import latency_to_judge
from keiryo.records.base import Finding
from keiryo.records.comparison import NO_BETTER_THAN_BASELINE, Comparison, Trial
from keiryo.records.findings import gravest_first
from keiryo.sentences import count

LARGEST_DIFFERENCE_OF_SHARES = 0.1
NEAR_LIMIT = 0.1
LEAST_BALANCED_GAIN = 0.1  # over guessing
MEASURE_AGAIN = "Measure again on a quiet machine: keiryo compare --resume --measure-again."


def conclude(comparison: Comparison) -> list[Finding]:
    """Return the findings about `comparison`, the gravest first."""
    return gravest_first(
        [finding for check in CHECKS if (finding := check(comparison)) is not None]
    )


def no_better_than_baseline(comparison: Comparison) -> Finding | None:
    """Find a best model that may be no better than always naming the largest class."""
    trial = _recommended(comparison)
    baseline = comparison.data.baseline
    if trial is None or trial.val_accuracy is None or trial.val_accuracy_interval is None:
        return None
    guessing = 1 / len(comparison.data.classes)
    if comparison.metric == "balanced":
        is_better = (trial.val_balanced_accuracy or 0.0) - guessing > LEAST_BALANCED_GAIN
    else:
        is_better = trial.val_accuracy_interval[0] > baseline
    if is_better:
        return None
    advice = "Do not use it: see the diagnosis of its training."
    if comparison.data.is_uneven and not (
        comparison.class_weights and comparison.metric == "balanced"
    ):
        advice += " With uneven classes, use --metric balanced and --class-weights."
    balanced = (
        ""
        if trial.val_balanced_accuracy is None
        else f"; its balanced accuracy is {trial.val_balanced_accuracy:.1%}, where guessing gives "
        f"{guessing:.1%}"
    )
    return Finding(
        code=NO_BETTER_THAN_BASELINE,
        severity="error",
        evidence=f"the best model, {comparison.recommended}, classifies {trial.val_accuracy:.1%} "
        "of the held-out images correctly, and always naming the largest class gives "
        f"{baseline:.1%}{balanced}",
        advice=advice,
    )


def unequal_conditions(comparison: Comparison) -> Finding | None:
    """Find trainings of equal wall time that got unequal shares of the processor."""
    if comparison.minutes is None or comparison.budget == "processor":
        return None
    shares = {
        trial.folder: trial.processor_share
        for trial in comparison.trials
        if trial.processor_share is not None and trial.status == "done"
    }
    if not shares:
        return None
    least, most = min(shares, key=lambda f: shares[f]), max(shares, key=lambda f: shares[f])
    if shares[most] - shares[least] <= LARGEST_DIFFERENCE_OF_SHARES:
        return None
    return Finding(
        code="unequal_conditions",
        severity="warning",
        evidence=f"the conditions were not equal: {least} got {shares[least]:.0%} of the processor "
        f"time used during its training, {most} {shares[most]:.0%}; other processes took the rest",
        advice="Compare by --epochs, or give equal processor time with --budget processor.",
    )


def disturbed_near_limit(comparison: Comparison) -> Finding | None:
    """Find models that a limit on latency excludes, or admits, by a disturbed measurement."""
    limit = comparison.limits.max_latency_ms
    if limit is None:
        return None
    words = {}
    for trial in comparison.trials:
        judged = latency_to_judge(trial)
        if trial.latency_ms is None or not trial.latency_ms.disturbed or judged is None:
            continue
        median = trial.latency_ms.p50
        if judged > limit:
            words[trial.model] = f"{trial.model} is excluded by its fastest run, {judged:.3g} ms"
        elif median > limit * (1 - NEAR_LIMIT):
            words[trial.model] = (
                f"{trial.model} is admitted by its fastest run, {judged:.3g} ms, with a median of "
                f"{median:.3g} ms"
            )
    if not words:
        return None
    return Finding(
        code="disturbed_near_limit",
        severity="warning",
        evidence="other processes disturbed the measurement of latencies, and --max-latency-ms "
        f"{limit:g} was compared with them: {'; '.join(words.values())}",
        advice=MEASURE_AGAIN,
    )


def not_exported(comparison: Comparison) -> Finding | None:
    """Find networks that could not be exported for the engine, so that torch's figures stand."""
    words = {
        trial.candidate: trial.exports[comparison.engine].error
        for trial in comparison.trials
        if comparison.is_on_another_engine(trial) and comparison.engine in trial.exports
    }
    if not words:
        return None
    reasons = "; ".join(f"{candidate}: {error}" for candidate, error in words.items())
    return Finding(
        code="not_exported",
        severity="warning",
        evidence=f"latency and size are torch's, not those of {comparison.engine_version}, for "
        f"{count(len(words), 'network', 'networks')} that could not be exported: {reasons}",
        advice="Replace the operator in your network, or compare all with --engine torch.",
    )


def _recommended(comparison: Comparison) -> Trial | None:
    folder = comparison.recommended_trial
    return next((trial for trial in comparison.trials if trial.folder == folder), None)


CHECKS = (no_better_than_baseline, unequal_conditions, disturbed_near_limit, not_exported)
