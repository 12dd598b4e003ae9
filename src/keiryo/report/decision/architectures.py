"""The comparison of architectures or recipes over repeated trainings, in words."""

from collections.abc import Sequence

from keiryo.records.comparison import Comparison
from keiryo.records.decision import ENOUGH_TRAININGS, ArchitectureDifference
from keiryo.report.languages.catalogue import Language, english
from keiryo.sentences import NAMED


def compared_in_words(comparison: Comparison, say: Language | None = None) -> list[str]:
    """Return sentences on which architecture or recipe is better, or why that cannot be said."""
    say = say or english()
    if len(comparison.ranking) < 2:
        return []
    if not comparison.candidates:  # written by an earlier version
        return []
    if comparison.trainings_lacking:
        return [_lacking(comparison, say)]
    best = comparison.ranking[0]
    differences = [each for each in comparison.architectures if each.is_enough]
    if not differences:
        return []
    equal = [each for each in differences if not each.is_told_apart]
    told = [each for each in differences if each.is_told_apart]
    said = []
    if told:
        better = say.plain("architectures.better", best=best, others=_named(told, say))
        said.append(f"{better} {_figures(best, told[0], say)}")
    if equal:
        alike = say.plain("architectures.equal", best=best, others=_named(equal, say))
        said.append(f"{alike} {_figures(best, equal[0], say)}{_needed(equal[0], say)}")
    said.append(
        say.plain(
            "architectures.method",
            method=say.plain(f"architectures.{differences[0].method}"),
            tried=len(comparison.candidates),
        )
    )
    return said


def _lacking(comparison: Comparison, say: Language) -> str:
    has_folds = any(trial.fold is not None for trial in comparison.trials)
    folds = max((trial.fold or 0 for trial in comparison.trials), default=0)
    option = (
        "--folds 5" if has_folds and folds < ENOUGH_TRAININGS else f"--seeds {ENOUGH_TRAININGS}"
    )
    kind = "recipe" if any(trial.recipe for trial in comparison.trials) else "architecture"
    key = f"architectures.unknown_{kind}"
    return say.plain(key, n=comparison.trainings_lacking, option=option)


def _named(differences: Sequence[ArchitectureDifference], say: Language) -> str:
    names = [each.candidate for each in differences]
    if len(names) <= NAMED + 1:
        return ", ".join(names)
    shown = ", ".join(names[:NAMED])
    return say.plain("architectures.and_more", names=shown, n=len(names) - NAMED)


def _figures(best: str, difference: ArchitectureDifference, say: Language) -> str:
    low, high = (100.0 * end for end in difference.crossed_interval or difference.interval)
    is_folds = difference.method == "corrected_resampled"
    text = say.plain(
        "architectures.over_folds" if is_folds else "architectures.over_seeds",
        n=difference.trainings,
        best=best,
        points=100.0 * difference.difference,
        other=difference.candidate,
        low=low,
        high=high,
    )
    if difference.outperforms is None or difference.outperforms_interval is None:
        return say.plain("architectures.figures", figures=text)
    least, most = difference.outperforms_interval
    return say.plain(
        "architectures.figures_with_share",
        figures=text,
        share=difference.outperforms,
        least=least,
        most=most,
    )


def _needed(difference: ArchitectureDifference, say: Language) -> str:
    if difference.trainings_needed is None:
        return ""
    have = min(difference.trainings, difference.trainings_of_best)
    if difference.trainings_needed <= have:
        return say.plain("architectures.more_images")
    return say.plain("architectures.needed", n=difference.trainings_needed)
