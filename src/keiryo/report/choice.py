"""The recommendation in words: the reason for it, and the reasons against the other candidates."""

from keiryo.records.comparison import Comparison
from keiryo.records.decision import SIGNIFICANCE_LEVEL, Reason
from keiryo.report import words

AS_ACCURATE = "≈"  # marks candidates that the held-out images cannot tell from the best
TESTS = {
    "mcnemar": "McNemar's mid-p test",
    "corrected_resampled": "the corrected resampled t test over folds",
}
LIMIT_OPTIONS = {
    "latency_ms": "--max-latency-ms",
    "size_mb": "--max-size-mb",
    "parameters": "--max-params",
}


def accuracy(comparison: Comparison, candidate: str, value: float | None) -> str:
    """Return a candidate's accuracy, marked if it cannot be told from the most accurate one's."""
    is_marked = value is not None and candidate in comparison.as_accurate
    return words.percent(value) + f" {AS_ACCURATE}" * is_marked


def legend(comparison: Comparison) -> str | None:
    """Return what the mark means, or None if no candidate has it."""
    if not comparison.as_accurate:
        return None
    compared = len(comparison.differences) + 1
    tried = len(comparison.candidates)
    of_all = f" of {tried} tried" if tried > compared else ""
    return (
        f"{AS_ACCURATE} {_images(comparison)} cannot tell it from {_best(comparison)}, "
        f"{comparison.most_accurate} ({TESTS[comparison.differences[0].test]} among {compared} "
        f"candidates{of_all}, Holm's correction, p of {SIGNIFICANCE_LEVEL} or more)."
    )


def reason(comparison: Comparison) -> str | None:
    """Return why the recommended candidate is recommended, or None if there was no choice."""
    recommended, best = comparison.recommended, comparison.most_accurate
    if recommended is None or not comparison.differences:
        return None
    if recommended == best:
        told = "" if comparison.as_accurate else f"; {_images(comparison)} tell it from all others"
        return f"{_best(comparison)}{told}"
    difference = next(each for each in comparison.differences if each.candidate == recommended)
    low, high = (100.0 * end for end in difference.folds_interval or difference.interval)
    return (
        f"the lightest of those that may be as accurate as {_best(comparison)}: on "
        f"{_images(comparison)}, {best} is {100.0 * difference.difference:.1f} points better "
        f"(95 % interval {low:.1f} to {high:.1f})"
    )


def why_not(comparison: Comparison, candidate: str) -> str | None:
    """Return why a candidate is not the recommended one; None: it is, or no reason is recorded."""
    record = comparison.candidate_named(candidate)
    if record is None:
        return None
    said = [text for each in record.reasons if (text := _against(each, comparison, candidate))]
    return "; ".join(said) or None


def on_front(comparison: Comparison, candidate: str) -> str | None:
    """Return whether other candidates beat this one in all that counts, and which."""
    record = comparison.candidate_named(candidate)
    if record is None or candidate not in comparison.ranking or len(comparison.ranking) < 2:
        return None
    if record.is_on_front:
        return "on the front: no other is as good in all figures and better in one"
    return f"{record.beaten_by[0]} is as good in all figures, and better in one"


def suspects_rule(comparison: Comparison) -> str:
    """Return from which accuracy on a model may call labels into question."""
    needed = 1 - (1 - comparison.data.baseline) / 2
    return (
        "Only a model with at most half of the errors of always naming the largest class may call "
        f"labels into question: here, with {words.percent(needed)} or more."
    )


def _against(reason: Reason, comparison: Comparison, candidate: str) -> str | None:
    """Return a reason in words, as what follows a candidate's name and a colon."""
    figure, than, other = reason.figure, reason.than, reason.other
    if reason.code in ("dropped", "not_finished"):
        return _unfinished(comparison, candidate)
    if reason.code == "over_limit":
        return _over_limit(reason)
    if reason.code == "at_chance":
        guessing = "guessing" if reason.quantity == "balanced_accuracy" else "the largest class"
        return (
            f"its accuracy of {words.percent(figure)} may be no better than that of {guessing} "
            f"alone, {words.percent(than)}"
        )
    if reason.code == "less_accurate" and figure is not None and reason.interval is not None:
        low, high = (100.0 * end for end in reason.interval)
        return (
            f"{100.0 * figure:.1f} points less accurate than {other} (95 % interval {low:.1f} to "
            f"{high:.1f})"
        )
    if reason.code == "ranked_lower":
        kind = "balanced accuracy" if reason.quantity == "balanced_accuracy" else "accuracy"
        return (
            f"its {kind} of {words.percent(figure)} is lower than that of {other}, "
            f"{words.percent(than)}"
        )
    if reason.code == "heavier":
        return _heavier(reason)
    return None


def _over_limit(reason: Reason) -> str:
    option = LIMIT_OPTIONS[reason.quantity or ""]
    if reason.figure is None:
        return f"not measured, as {option} {reason.than:g} needs it"
    shown = {
        "latency_ms": lambda value: words.milliseconds(value),
        "size_mb": lambda value: f"{value:.3g} MB",
        "parameters": lambda value: f"{value:,.0f} parameters",
    }[reason.quantity or ""](reason.figure)
    limit = f"{reason.than:,.0f}" if reason.quantity == "parameters" else f"{reason.than:g}"
    return f"over {option} {limit} with {shown}"


def _heavier(reason: Reason) -> str:
    as_good = "may be as accurate"
    if reason.figure is None or reason.than is None:
        return f"{as_good}, but its latency was not measured"
    if reason.quantity == "latency_ms":
        times = words.milliseconds(reason.figure), words.milliseconds(reason.than)
        return f"{as_good}, but slower than {reason.other}: {times[0]} and {times[1]}"
    sizes = words.number(reason.figure), words.number(reason.than)
    return f"{as_good}, but larger than {reason.other}: {sizes[0]} and {sizes[1]} parameters"


def _unfinished(comparison: Comparison, candidate: str) -> str:
    trials = [trial for trial in comparison.trials if trial.candidate == candidate]
    because = next((trial.dropped_because for trial in trials if trial.dropped_because), None)
    if because is not None:
        return because
    failed = any(trial.status == "failed" for trial in trials)
    return "its training failed" if failed else "its training is not finished"


def _best(comparison: Comparison) -> str:
    limits = comparison.limits.model_dump().values()
    within = "" if all(limit is None for limit in limits) else " within the limits"
    return f"the most accurate{within}"


def _images(comparison: Comparison) -> str:
    images = min(difference.images for difference in comparison.differences)
    return f"{images:,} held-out images"
