"""Running a plan: pack, trials one after the other, ranking, results."""

import csv
import datetime
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from keiryo.bench.weighing import weigh_model
from keiryo.comparison.conclusions import conclude
from keiryo.comparison.deployment import move_to_engine
from keiryo.comparison.images.opening import check_unchanged, open_images
from keiryo.comparison.images.smallest_batch import check_batches
from keiryo.comparison.images.splitting import check_folds, split_of_plan
from keiryo.comparison.latencies import measure_trials
from keiryo.comparison.listener import Listener
from keiryo.comparison.paired import differences_from, may_replace_best
from keiryo.comparison.plan import PACK_FOLDER, Plan, comparison_folder, pack_place
from keiryo.comparison.pretrained.pretrained import check_pretrained, places_of_weights
from keiryo.comparison.rank import over_known_limits, rank, recommend_lightest
from keiryo.comparison.rungs import Rungs
from keiryo.comparison.trial.held_out import fill_suspect_labels
from keiryo.data.audit.audit import audit
from keiryo.data.audit.odd_images import effects_of_fitting
from keiryo.data.audit.thumbnails import make_thumbnails, names_to_show
from keiryo.data.packs.pack import Pack, PackSource
from keiryo.data.packs.packing import check_same_form, pack_bytes, prepare_pack
from keiryo.data.sources.source import Source
from keiryo.data.sources.storage import is_url, was_url
from keiryo.data.survey.split import has_own_split
from keiryo.errors import InputError
from keiryo.files import write_text
from keiryo.measure.engines import FAITHFUL, find_engine
from keiryo.measure.machine import describe_machine
from keiryo.models.spec import parse_spec
from keiryo.records.base import Finding
from keiryo.records.comparison import Comparison, Difference, Trial
from keiryo.records.costs import Cost
from keiryo.records.data import DataSummary
from keiryo.records.places import RESULTS_FILE, TABLE_FILE, THUMBNAILS_FILE
from keiryo.records.speed import TORCH
from keiryo.run_folder import check_space
from keiryo.train.device import choose_device
from keiryo.version import __version__

TENSORS_OF_CHECKPOINT = 3  # times the number of weights: with the two moments of Adam
TABLE_COLUMNS = (
    *("model", "seed", "fold", "status", "val_accuracy", "train_accuracy", "test_accuracy"),
    *("val_balanced_accuracy", "processor_share", "disturbed"),
    *("val_accuracy_with_leaks", "robust_accuracy", "parameters", "state_elements", "macs"),
    *("artifact_bytes", "train_seconds", "epochs", "images_per_second", "peak_memory_bytes"),
    *("latency_ms_p50", "latency_ms_p95", "dropped_at", "dropped_because", "engine"),
)
RECORDED_OPTIONS = {
    *("recipe", "augment", "fine_tune", "batch", "epochs", "minutes", "budget", "class_weights"),
    *("stop_early", "metric", "engine"),
}


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
    plan = plan.model_copy(update={"device": choose_device(plan.device).type})
    if plan.budget == "processor" and plan.device != "cpu":
        raise InputError(
            f"--budget processor: a training on {plan.device} hardly uses the processor; "
            "add --device cpu, or leave it out"
        )
    # Everything that may fail early is tried before the folder is touched.
    find_engine(plan.engine, among=FAITHFUL)
    listener.working("looking through the images")
    opened = open_images(plan, out, resume=resume, progress=listener.downloading)
    source = opened.source
    check_same_form(source, size=plan.size, fit=plan.fit)
    if plan.folds > 1 and any(item.split in ("val", "test") for item in source.items):
        raise InputError(
            f"--folds {plan.folds}: {plan.data} has a split of its own, which is kept; "
            "leave the option out"
        )
    listener.working("weighing the networks")
    costs = _count_costs(plan, len(source.classes))
    over = [over_known_limits(cost, plan.limits, plan.engine) for cost in costs.values()]
    if all(over) and not resume:
        raise InputError(f"{plan.models[0]}: {over[0]}, and no other model is within the limits")
    check_batches(plan, len(source.classes))
    plan = check_pretrained(plan, len(source.classes), progress=listener.downloading)
    _check_space(plan, out, costs, pack_bytes(source, plan.size))
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
                costs = _count_costs(plan, classes)
                check_pretrained(plan, classes)
            data = _summarize(pack, plan, opened.findings)
            check_batches(plan, classes, train_images=data.train_images)
        except InputError:
            if not resume and not had_pack:
                folder.release(PACK_FOLDER)
            raise
        listener.data_ready(data)
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
    comparison = _conclude(plan, data, trials, pack.labels, out, complete=complete)
    fill_suspect_labels(comparison, pack, out)
    _write_thumbnails(comparison, pack, out)
    write_text(out / RESULTS_FILE, comparison.model_dump_json(indent=2))
    write_text(out / TABLE_FILE, _as_csv(trials))
    return comparison


def _needed_files(plan: Plan, source: Source) -> list[Path]:
    """Return the files of this machine that the comparison reads after its folder is claimed."""
    modules = [spec.name for spec in map(parse_spec, plan.models) if spec.factory]
    named = [plan.data, *modules, *places_of_weights(plan)]
    return [*(Path(place) for place in named if not is_url(place)), *source.files()]


def _count_costs(plan: Plan, classes: int) -> dict[str, Cost | None]:
    """Return the cost of each model; None for a user's model that runs on its device alone."""
    costs: dict[str, Cost | None] = {}
    for model in plan.models:
        spec = parse_spec(model)
        try:
            costs[model] = weigh_model(
                spec,
                (3, plan.size, plan.size),
                classes=classes,
                name=f"{model} at --size {plan.size}",
            )
        except InputError:
            if spec.factory is None or plan.device == "cpu":
                raise
            costs[model] = None
    return costs


def _check_space(plan: Plan, out: Path, costs: dict[str, Cost | None], pack_size: int) -> None:
    sizes = [cost.size_bytes for cost in costs.values() if cost is not None]
    trained = len(plan.trials()) // len(plan.models)
    models = trained * sum(sizes)
    if plan.engine != TORCH:  # each is kept as an exported file, too
        models *= 2
    checkpoints = 2 * max(sizes, default=0)  # the last one, and the one being written
    if plan.stop_early:  # at a rung, all trials wait for each other
        checkpoints = models + max(sizes, default=0)
    check_space(out, models + TENSORS_OF_CHECKPOINT * checkpoints + pack_size)


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


def _conclude(
    plan: Plan,
    data: DataSummary,
    trials: list[Trial],
    labels: np.ndarray,
    out: Path,
    *,
    complete: bool,
) -> Comparison:
    ranking = rank(trials, plan.limits, plan.metric)
    best = ranking.recommended
    differences: list[Difference] = []
    if best is not None and plan.metric == "accuracy":
        differences = differences_from(best, ranking.models, trials, labels, out)
        as_good = may_replace_best(differences, trials, data.baseline)
        ranking = recommend_lightest(ranking, trials, plan.limits, as_good)
    comparison = Comparison(
        keiryo_version=__version__,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        machine=describe_machine(
            device=plan.device, threads=plan.threads, torch_version=torch.__version__
        ),
        data=data,
        **plan.model_dump(include=RECORDED_OPTIONS),
        engine_version=find_engine(plan.engine).title_with_version,
        limits=plan.limits,
        trials=trials,
        ranking=ranking.models,
        pareto=ranking.pareto,
        recommended=ranking.recommended,
        most_accurate=best,
        differences=differences,
        recommended_trial=ranking.recommended_trial,
        complete=complete,
    )
    comparison.findings = conclude(comparison)
    return comparison


def _write_thumbnails(comparison: Comparison, pack: Pack, out: Path) -> None:
    names = names_to_show(comparison.data.findings)
    names += [suspect.file for suspect in comparison.suspect_labels]
    rows = [image.name for image in pack.survey.images]
    shown = make_thumbnails(names, rows, lambda row: pack.images[row])
    write_text(out / THUMBNAILS_FILE, json.dumps(shown))


def _as_csv(trials: list[Trial]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, TABLE_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for trial in trials:
        latency = trial.latency_ms
        percentiles = {f"latency_ms_{p}": latency and getattr(latency, p) for p in ("p50", "p95")}
        writer.writerow(trial.model_dump() | percentiles)
    return text.getvalue()
