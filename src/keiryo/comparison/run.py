"""Running a plan: pack, trials one after the other, ranking, results."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keiryo.comparison.beforehand.duration import share_out, tell_durations
from keiryo.comparison.beforehand.preparation import count_costs, prepare
from keiryo.comparison.decision.conclusion import conclude_comparison
from keiryo.comparison.deployment import move_to_engine
from keiryo.comparison.images.opening import check_unchanged
from keiryo.comparison.images.smallest_batch import check_batches
from keiryo.comparison.images.splitting import check_folds, split_of_plan
from keiryo.comparison.latencies import measure_trials
from keiryo.comparison.listener import Listener
from keiryo.comparison.plan import PACK_FOLDER, Plan, comparison_folder, pack_place
from keiryo.comparison.pretrained.pretrained import check_pretrained, places_of_weights
from keiryo.comparison.rungs import Rungs
from keiryo.comparison.trial.analysis import fill_missing_analyses
from keiryo.comparison.trial.held_out import fill_suspect_labels
from keiryo.data.audit.audit import audit
from keiryo.data.audit.odd_images import effects_of_fitting
from keiryo.data.audit.thumbnails import make_thumbnails, names_to_show
from keiryo.data.packs.pack import Pack, PackSource
from keiryo.data.packs.packing import prepare_pack
from keiryo.data.sources.source import Source
from keiryo.data.sources.storage import is_url, was_url
from keiryo.data.survey.split import has_own_split
from keiryo.errors import InputError
from keiryo.files import write_text
from keiryo.models.spec import parse_spec
from keiryo.records.base import Finding
from keiryo.records.comparison import Comparison
from keiryo.records.costs import Cost
from keiryo.records.data import DataSummary
from keiryo.records.places import RESULTS_FILE, TABLE_FILE, THUMBNAILS_FILE
from keiryo.records.tables.trial_csv import trials_as_csv


def run_comparison(
    plan: Plan,
    out: Path,
    *,
    resume: bool,
    force: bool,
    listener: Listener,
    measure_again: bool = False,
) -> Comparison:
    """Carry out `plan`, write the results into the folder `out`, and return them.

    With `resume`, trials that are done or dropped are kept and others continue; with
    `measure_again`, the latencies of those that are done are measured again. On an interrupt
    (KeyboardInterrupt) the running trial is stopped cleanly, and the results so far are returned
    with `complete` false. Raises InputError if the plan is not possible, before anything is
    written if it can be known then.
    """
    began = time.monotonic()
    prepared = prepare(plan, out, resume=resume, listener=listener)
    plan, opened, costs = prepared.plan, prepared.opened, prepared.costs
    source = opened.source
    if was_url(out):
        raise InputError(f"--out {out}: must be a folder of this machine")
    folder = comparison_folder(out)
    if not resume:
        folder.check_claim(force=force)
    had_pack = (out / PACK_FOLDER).exists()
    with folder.occupy():
        if resume:
            folder.clear_leftovers()
            pack, opened = check_unchanged(plan, out, opened)
            folder.write_plan(plan)  # some options may have been given anew
        else:
            pack = None
            if isinstance(source, PackSource):
                fingerprint = source.content_fingerprint()
                plan = plan.model_copy(update={"data_fingerprint": fingerprint})
            folder.check_kept(_needed_files(plan, source))
            folder.claim(plan, force=force)
        listener.planned(plan, costs, len(source.items))
        try:
            pack = pack or prepare_pack(
                source,
                size=plan.size,
                fit=plan.fit,
                folder=Path(pack_place(out, plan)),
                workers=plan.threads,
                progress=listener.packing,
            )
        except InputError:
            folder.release()
            raise
        listener.working("splitting and auditing the images")
        classes = len(pack.survey.classes)
        try:
            if classes != len(source.classes):  # those without a readable image are left out
                costs = count_costs(plan, classes)
                check_pretrained(plan, classes)
            data = _summarize(pack, plan, opened.findings)
            check_batches(plan, classes, train_images=data.train_images)
        except InputError:
            if not resume and not had_pack:
                folder.release(PACK_FOLDER)
            raise
        listener.data_ready(data)
        if not resume:
            models = [model for model, over in prepared.over_limits.items() if over is None]
            if plan.total_minutes is not None:
                passed = time.monotonic() - began
                minutes = share_out(plan.total_minutes, passed, plan, models)
                plan = plan.model_copy(update={"minutes": minutes})
                folder.write_plan(plan)
            else:
                tell_durations(plan, data, costs, models, listener)
        return _train_and_conclude(
            plan, out, pack, data, costs, listener=listener, measure_again=measure_again
        )


def _train_and_conclude(
    plan: Plan,
    out: Path,
    pack: Pack,
    data: DataSummary,
    costs: dict[str, Cost | None],
    *,
    listener: Listener,
    measure_again: bool,
) -> Comparison:
    trials, complete = Rungs(plan, out, costs, listener).run()
    if complete:
        complete = move_to_engine(trials, plan, out, listener, again=measure_again)
    if complete:
        complete = measure_trials(trials, plan, out, listener, again=measure_again)
    listener.working("ranking and writing the results")
    comparison = conclude_comparison(plan, data, trials, pack.labels, out, complete=complete)
    fill_missing_analyses(comparison.trials, pack, out)
    fill_suspect_labels(comparison, pack, out)
    _write_thumbnails(comparison, pack, out)
    write_text(out / RESULTS_FILE, comparison.model_dump_json(indent=2))
    write_text(out / TABLE_FILE, trials_as_csv(trials))
    return comparison


def _needed_files(plan: Plan, source: Source) -> list[Path]:
    """Return the files of this machine that the comparison reads after its folder is claimed."""
    modules = [spec.name for spec in map(parse_spec, plan.models) if spec.factory]
    named = [plan.data, *modules, *places_of_weights(plan)]
    return [*(Path(place) for place in named if not is_url(place)), *source.files()]


def _summarize(pack: Pack, plan: Plan, findings: Sequence[Finding]) -> DataSummary:
    splits = split_of_plan(plan, pack.survey)
    further = [
        *findings,
        *splits.findings,
        *check_folds(plan, pack.survey),
        *effects_of_fitting(pack.survey, size=pack.header.size, fit=pack.header.fit),
    ]
    return DataSummary(
        name=pack.survey.name,
        size=pack.header.size,
        fit=pack.header.fit,
        classes=pack.survey.classes,
        train_images=len(splits.train),
        val_images=len(splits.val),
        test_images=len(splits.test),
        largest_class_share=_largest_share(pack.labels[splits.val]),
        own_split=has_own_split(pack.survey),
        leaked_images=len(splits.leaked_val) + len(splits.leaked_test),
        seen_images=len(splits.seen),
        findings=audit(pack.survey, further).findings,
    )


def _largest_share(labels: np.ndarray) -> float | None:
    return float(np.bincount(labels).max() / len(labels)) if len(labels) else None


def _write_thumbnails(comparison: Comparison, pack: Pack, out: Path) -> None:
    names = names_to_show(comparison.data.findings)
    names += [suspect.file for suspect in comparison.suspect_labels]
    shown = next((t for t in comparison.trials if t.folder == comparison.shown_trial), None)
    if shown is not None and shown.analysis is not None:
        names += [error.file for error in shown.analysis.confident_errors]
    rows = [image.name for image in pack.survey.images]
    thumbnails = make_thumbnails(names, rows, lambda row: pack.images[row])
    write_text(out / THUMBNAILS_FILE, json.dumps(thumbnails))
