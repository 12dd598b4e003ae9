"""The recommendation in words: the reason for it, and the reasons against the other candidates."""

from keiryo.records.comparison import Comparison
from keiryo.records.decision import SIGNIFICANCE_LEVEL, Reason
from keiryo.report import words
from keiryo.report.languages.catalogue import Language, english
from keiryo.report.languages.translation import translate_reason

AS_ACCURATE = "≈"  # marks candidates that the held-out images cannot tell from the best
LIMIT_OPTIONS = {
    "latency_ms": "--max-latency-ms",
    "size_mb": "--max-size-mb",
    "parameters": "--max-params",
}


def accuracy(comparison: Comparison, candidate: str, value: float | None) -> str:
    """Return a candidate's accuracy, marked if it cannot be told from the most accurate one's."""
    is_marked = value is not None and candidate in comparison.as_accurate
    return words.percent(value) + f" {AS_ACCURATE}" * is_marked


def legend(comparison: Comparison, say: Language | None = None) -> str | None:
    """Return what the mark means, or None if no candidate has it."""
    say = say or english()
    if not comparison.as_accurate:
        return None
    compared = len(comparison.differences) + 1
    tried = len(comparison.candidates)
    return say.plain(
        "choice.legend",
        mark=AS_ACCURATE,
        images=_images(comparison, say),
        best=_best(comparison, say),
        candidate=comparison.most_accurate,
        test=say.plain(f"choice.{comparison.differences[0].test}"),
        compared=compared,
        of_all=say.plain("choice.of_tried", tried=tried) if tried > compared else "",
        level=SIGNIFICANCE_LEVEL,
    )


def reason(comparison: Comparison, say: Language | None = None) -> str | None:
    """Return why the recommended candidate is recommended, or None if there was no choice."""
    say = say or english()
    recommended, best = comparison.recommended, comparison.most_accurate
    if recommended is None or not comparison.differences:
        return None
    named = {"best": _best(comparison, say), "images": _images(comparison, say)}
    if recommended == best:
        key = "choice.best" if comparison.as_accurate else "choice.best_of_all"
        return say.plain(key, **named)
    difference = next(each for each in comparison.differences if each.candidate == recommended)
    low, high = (100.0 * end for end in difference.folds_interval or difference.interval)
    return say.plain(
        "choice.lightest",
        **named,
        candidate=best,
        points=100.0 * difference.difference,
        low=low,
        high=high,
    )


def why_not(comparison: Comparison, candidate: str, say: Language | None = None) -> str | None:
    """Return why a candidate is not the recommended one; None: it is, or no reason is recorded."""
    say = say or english()
    record = comparison.candidate_named(candidate)
    if record is None:
        return None
    told = [_against(each, comparison, candidate, say) for each in record.reasons]
    return "; ".join(filter(None, told)) or None


def on_front(comparison: Comparison, candidate: str, say: Language | None = None) -> str | None:
    """Return whether other candidates beat this one in all that counts, and which."""
    say = say or english()
    record = comparison.candidate_named(candidate)
    if record is None or candidate not in comparison.ranking or len(comparison.ranking) < 2:
        return None
    if record.is_on_front:
        return say.plain("choice.on_front")
    return say.plain("choice.beaten", other=record.beaten_by[0])


def suspects_rule(comparison: Comparison, say: Language | None = None) -> str:
    """Return from which accuracy on a model may call labels into question."""
    needed = 1 - (1 - comparison.data.baseline) / 2
    return (say or english()).plain("choice.suspects_rule", needed=words.percent(needed))


def _against(reason: Reason, comparison: Comparison, candidate: str, say: Language) -> str | None:
    """Return a reason in words, as what follows a candidate's name and a colon."""
    figure, than, other = reason.figure, reason.than, reason.other
    if reason.code in ("dropped", "not_finished"):
        return _unfinished(comparison, candidate, say)
    if reason.code == "over_limit":
        return _over_limit(reason, say)
    is_balanced = reason.quantity == "balanced_accuracy"
    if reason.code == "at_chance":
        key = "choice.no_better_than_guessing" if is_balanced else "choice.no_better_than_largest"
        return say.plain(key, accuracy=words.percent(figure), than=words.percent(than))
    if reason.code == "less_accurate" and figure is not None and reason.interval is not None:
        low, high = (100.0 * end for end in reason.interval)
        return say.plain(
            "choice.less_accurate", points=100.0 * figure, other=other, low=low, high=high
        )
    if reason.code == "ranked_lower":
        key = "choice.lower_balanced" if is_balanced else "choice.lower"
        return say.plain(key, accuracy=words.percent(figure), other=other, than=words.percent(than))
    if reason.code == "heavier":
        return _heavier(reason, say)
    return None


def _over_limit(reason: Reason, say: Language) -> str:
    option, than = LIMIT_OPTIONS[reason.quantity or ""], reason.than
    if reason.figure is None:
        return say.plain("choice.not_measured", option=option, limit=f"{than:g}")
    limit, figure = f"{than:g}", reason.figure
    if reason.quantity == "latency_ms":
        shown = words.milliseconds(figure)
    elif reason.quantity == "size_mb":
        shown = f"{figure:.3g} MB"
    else:
        limit = f"{than:,.0f}"
        shown = say.plain("winner.parameters", parameters=f"{figure:,.0f}")
    return say.plain("choice.over_limit", option=option, limit=limit, figure=shown)


def _heavier(reason: Reason, say: Language) -> str:
    if reason.figure is None or reason.than is None:
        return say.plain("choice.latency_unknown")
    if reason.quantity == "latency_ms":
        key, show = "choice.slower", words.milliseconds
    else:
        key, show = "choice.larger", words.number
    return say.plain(key, other=reason.other, figure=show(reason.figure), than=show(reason.than))


def _unfinished(comparison: Comparison, candidate: str, say: Language) -> str:
    trials = [trial for trial in comparison.trials if trial.candidate == candidate]
    because = next((trial.dropped_because for trial in trials if trial.dropped_because), None)
    if because is not None:
        return translate_reason(because, say)
    failed = any(trial.status == "failed" for trial in trials)
    return say.plain("choice.failed" if failed else "choice.not_finished")


def _best(comparison: Comparison, say: Language) -> str:
    limits = comparison.limits.model_dump().values()
    has_limits = any(limit is not None for limit in limits)
    return say.plain("choice.most_accurate_within" if has_limits else "choice.most_accurate")


def _images(comparison: Comparison, say: Language) -> str:
    images = min(difference.images for difference in comparison.differences)
    return say.plain("choice.images", images=images)
