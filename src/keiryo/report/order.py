"""The order in which trials are shown."""

from keiryo.records.comparison import Comparison, Trial


def best_first(comparison: Comparison) -> list[Trial]:
    """Return the trials: ranked candidates first, then dropped ones, the last dropped first."""
    ranked = {candidate: place for place, candidate in enumerate(comparison.ranking)}
    planned = list(dict.fromkeys(trial.candidate for trial in comparison.trials))

    def key(trial: Trial) -> tuple[int, float, int, int, int]:
        place = ranked.get(trial.candidate, len(ranked))
        came_to = trial.dropped_at or 0.0
        return place, -came_to, planned.index(trial.candidate), trial.seed, trial.fold or 0

    return sorted(comparison.trials, key=key)


def dropped_early(comparison: Comparison) -> dict[str, str]:
    """Return the reason for each candidate that was dropped early, the last dropped first."""
    return {
        trial.candidate: trial.dropped_because
        for trial in best_first(comparison)
        if trial.dropped_because is not None
    }
