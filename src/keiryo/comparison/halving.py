"""Successive halving: the candidates to keep, and the shares of training to decide at.

Every candidate gets a small share of the budget, the worse half is dropped, the others get
twice as much, and so on (Jamieson & Talwalkar 2016, "Non-stochastic best arm identification
and hyperparameter optimization", section 3). A share at which candidates are compared is a
rung (Li et al. 2020, "A system for massively parallel hyperparameter tuning"); the smallest
is bounded as in Hyperband (Li et al. 2018), since what is seen too early says too little.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

MOST_HALVINGS = 3  # so the first share is at least an eighth of the budget


@dataclass(frozen=True)
class Standing:
    """A candidate at a rung: held-out accuracies of its trainings, one for each seed and fold.

    `failures` is the number of trainings that failed; they are not in `accuracies`.
    """

    candidate: str
    accuracies: tuple[float, ...]
    failures: int = 0
    parameters: int | None = None

    @property
    def accuracy(self) -> float:
        """The mean over its trainings."""
        return fmean(self.accuracies)


def rung_shares(candidates: int) -> list[float]:
    """Return the shares of the budget, from 0 to 1, that candidates are trained to in turn.

    The candidates are halved after each share but the last, until one is left; but the first share
    is at least an eighth.
    """
    halvings = min(MOST_HALVINGS, (candidates - 1).bit_length())
    return [2.0 ** (rung - halvings) for rung in range(halvings + 1)]


def halve(standings: Sequence[Standing]) -> tuple[list[Standing], list[Standing]]:
    """Return the better half, of ceil(n / 2) candidates, and the others, both best first.

    Candidates whose trainings all failed are never in the better half, and those of which a
    training failed come after all others. Of equals, the one with fewer parameters comes first,
    then the first in `standings`, which is in the plan's order.
    """
    ordered = sorted(standings, key=_place)
    most = math.ceil(len(ordered) / 2)
    better = [standing for standing in ordered[:most] if standing.accuracies]
    return better, ordered[len(better) :]


def why_dropped(dropped: Standing, better: Sequence[Standing], share: float) -> str:
    """Return a sentence that says why `dropped` was dropped at `share` and `better` continued."""
    when = f"stopped early at {100 * share:g} % of its training"
    if not dropped.accuracies or not better:
        return when
    count = len(dropped.accuracies)
    mean = f" (the mean of {count} trainings)" if count > 1 else ""
    said = f"{when}: {_percent(dropped.accuracy)} held-out accuracy{mean}"
    if dropped.failures:
        return f"{said}, and {dropped.failures} of its {count + dropped.failures} trainings failed"
    last = better[-1]
    if dropped.accuracy == last.accuracy:
        by = "was named first" if dropped.parameters == last.parameters else "has fewer parameters"
        return f"{said}, the same as {last.candidate}, which {by}"
    return f"{said}, the better half had at least {_percent(last.accuracy)}"


def _place(standing: Standing) -> tuple[bool, bool, float, float]:
    return (
        not standing.accuracies,
        standing.failures > 0,
        -standing.accuracy if standing.accuracies else 0.0,
        math.inf if standing.parameters is None else standing.parameters,
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
