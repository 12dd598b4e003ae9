"""The trainings of a plan: each in one go or, with --stop-early, from rung to rung.

A decision is written before anything follows from it, so that a resumed comparison decides nothing
twice.
"""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from keiryo.comparison.halving import Standing, halve, rung_shares, why_dropped
from keiryo.comparison.listener import Listener
from keiryo.comparison.plan import HALVING_FILE, Plan, TrialPlan
from keiryo.comparison.rank import over_known_limits
from keiryo.comparison.trial.runner import complete_trial, read_trial
from keiryo.comparison.trial.trial import CHECKPOINT_FILE
from keiryo.errors import InputError
from keiryo.files import write_text
from keiryo.records.base import Record
from keiryo.records.comparison import Trial
from keiryo.records.costs import Cost
from keiryo.records.places import TRIAL_FILE


class Decision(Record):
    """The candidates that were kept at a rung, and the reasons for those that were dropped."""

    share: float
    kept: list[str]
    dropped: dict[str, str]


class HalvingFile(Record):
    """The content of `halving.json`: a decision for each rung that was reached."""

    format_version: int = 1
    decisions: list[Decision] = []


class Rungs:
    """The trials of `plan` in the folder `out`, trained from rung to rung."""

    def __init__(
        self,
        plan: Plan,
        out: Path,
        costs: dict[str, Cost | None],
        listener: Listener,
    ) -> None:
        self._plan = plan
        self._out = out
        self._costs = costs
        self._listener = listener
        self._planned = plan.trials()
        self._records: dict[str, Trial] = {}
        self._running = [trial for trial in self._planned if not self._is_over_a_limit(trial)]

    def run(self) -> tuple[list[Trial], bool]:
        """Train every candidate; stop a dropped one at its rung.

        Return their records, and False if the user interrupted.
        """
        for trial_plan in self._planned:
            if trial_plan not in self._running:
                self._listener.trial_dropped(trial_plan, self._records[trial_plan.folder])
        if not self._plan.stop_early:
            complete = self._train(1.0)
            return self._read_records(), complete
        decisions = _read_decisions(self._out)
        for share in rung_shares(len(_candidates(self._running))):
            decision = next((made for made in decisions if made.share == share), None)
            if decision is None:
                candidates = _candidates(self._running)
                if share < 1.0 and len(candidates) == 1:
                    continue  # the others failed
                self._listener.rung_started(share, len(candidates))
                if not self._train(share):
                    return self._read_records(), False
                if share == 1.0:
                    break
                decision = self._decide(share)
                decisions.append(decision)
                file = HalvingFile(decisions=decisions)
                write_text(self._out / HALVING_FILE, file.model_dump_json(indent=2))
            self._drop(decision)
        return self._read_records(), True

    def _is_over_a_limit(self, trial_plan: TrialPlan) -> bool:
        """Return True, and record the reason, if the model's cost is over a limit."""
        trained = read_trial(self._out / trial_plan.folder)
        if trained is not None and trained.status == "done":
            return False  # before the limit was given
        cost = self._costs[trial_plan.model]
        over = over_known_limits(cost, self._plan.limits, self._plan.engine)
        if cost is None or over is None:
            return False
        record = trial_plan.record
        record.parameters, record.macs = cost.parameters, cost.macs
        record.state_elements = cost.state_elements
        record.dropped_at, record.dropped_because = 0.0, f"was not trained: {over}"
        self._records[trial_plan.folder] = record
        return True

    def _read_records(self) -> list[Trial]:
        """Return the records in the trials' folders, in the plan's order."""
        found = [
            self._records.get(trial.folder) or read_trial(self._out / trial.folder)
            for trial in self._planned
        ]
        return [trial for trial in found if trial is not None]

    def _train(self, share: float) -> bool:
        """Train the running trials to `share`; return True if all reached it or failed."""
        # A trial that failed at an earlier rung would fail again.
        trials = [trial for trial in self._running if not self._has_failed(trial)]
        for number, trial_plan in enumerate(trials):
            self._listener.trial_started(trial_plan, number, len(trials))
            ended = complete_trial(
                self._out,
                self._plan,
                self._planned.index(trial_plan),
                self._costs[trial_plan.model],
                lambda report, trial_plan=trial_plan: self._listener.trial_reported(
                    trial_plan, report
                ),
                self._listener.stopping,
                until=share,
            )
            trial = ended.trial
            self._records[trial_plan.folder] = trial
            if trial.has_paused_at(share):
                self._listener.trial_paused(trial)
            else:
                self._listener.trial_finished(trial)
            if ended.interrupted:
                return False
        ended_there = (self._records[trial.folder] for trial in trials)
        return all(trial.status != "stopped" or trial.has_paused_at(share) for trial in ended_there)

    def _has_failed(self, trial_plan: TrialPlan) -> bool:
        record = self._records.get(trial_plan.folder)
        return record is not None and record.status == "failed"

    def _decide(self, share: float) -> Decision:
        standings = []
        for candidate in _candidates(self._running):
            trials = [
                self._records[trial_plan.folder]
                for trial_plan in self._running
                if trial_plan.record.candidate == candidate
            ]
            accuracies = tuple(
                next(pause.val_accuracy for pause in trial.pauses if pause.share >= share)
                for trial in trials
                if trial.status != "failed"
            )
            failures = len(trials) - len(accuracies)
            standings.append(Standing(candidate, accuracies, failures, trials[0].parameters))
        better, others = halve(standings)
        return Decision(
            share=share,
            kept=[standing.candidate for standing in better],
            dropped={
                standing.candidate: why_dropped(standing, better, share) for standing in others
            },
        )

    def _drop(self, decision: Decision) -> None:
        for trial_plan in self._running:
            because = decision.dropped.get(trial_plan.record.candidate)
            if because is None:
                continue
            folder = self._out / trial_plan.folder
            was_told = self._has_failed(trial_plan)
            trial = read_trial(folder) or trial_plan.record
            if trial.status == "stopped":
                trial.dropped_at, trial.dropped_because = decision.share, because
                write_text(folder / TRIAL_FILE, trial.model_dump_json(indent=2))
            # Several times as large as the model, and never needed again.
            (folder / CHECKPOINT_FILE).unlink(missing_ok=True)
            self._records[trial_plan.folder] = trial
            if not was_told:
                self._listener.trial_dropped(trial_plan, trial)
        self._running = [
            trial_plan
            for trial_plan in self._running
            if trial_plan.record.candidate in decision.kept
        ]


def _candidates(trials: Sequence[TrialPlan]) -> list[str]:
    return list(dict.fromkeys(trial.record.candidate for trial in trials))


def _read_decisions(out: Path) -> list[Decision]:
    try:
        file = HalvingFile.model_validate_json((out / HALVING_FILE).read_bytes())
    except FileNotFoundError:
        return []
    except ValidationError:
        raise InputError(
            f"{out / HALVING_FILE}: damaged, or by another version; use another --out"
        ) from None
    return file.decisions
