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

MOST_HALVINGS = 3  # so the first share is an eighth of the budget at the least


@dataclass(frozen=True)
class Standing:
    """A candidate at a rung: held-out accuracies of its trainings, one for each seed and fold.

    `failures` is how many of them failed, and are not in `accuracies`.
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

    `candidates` are halved after each but the last: as often as it takes to be left with one,
    but not so often that the first share would be under an eighth.
    """
    halvings = min(MOST_HALVINGS, (candidates - 1).bit_length())
    return [2.0 ** (rung - halvings) for rung in range(halvings + 1)]


def halve(standings: Sequence[Standing]) -> tuple[list[Standing], list[Standing]]:
    """Return the better half, of ceil(n / 2) candidates, and the others, both best first.

    Candidates of which nothing is left are never in the better half, and those of which a
    training failed come after all others. The fewer parameters decide between equals, then
    the order of `standings`, which is that of the plan.
    """
    ordered = sorted(standings, key=_place)
    most = math.ceil(len(ordered) / 2)
    better = [standing for standing in ordered[:most] if standing.accuracies]
    return better, ordered[len(better) :]


def why_dropped(dropped: Standing, better: Sequence[Standing], share: float) -> str:
    """Return in a sentence why `dropped` was, at `share`, when `better` went on."""
    when = f"stopped early at {100 * share:g} % of its training"
    if not dropped.accuracies or not better:
        return when
    count = len(dropped.accuracies)
    mean = f" (the mean of {count} trainings)" if count > 1 else ""
    said = f"{when}: {_percent(dropped.accuracy)} of the held-out images right{mean}"
    if dropped.failures:
        return f"{said}, and {dropped.failures} of its {count + dropped.failures} trainings failed"
    last = better[-1]
    if dropped.accuracy == last.accuracy:
        by = "was named first" if dropped.parameters == last.parameters else "has fewer parameters"
        return f"{said}, as many as {last.candidate}, which {by}"
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
