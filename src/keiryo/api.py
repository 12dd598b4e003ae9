"""The functions of `import keiryo` that join several rooms.

Each imports what it needs when it is called: a comparison needs nothing of WaveNets, and neither
needs the report before it has results.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from keiryo.errors import InputError

if TYPE_CHECKING:
    from keiryo.audio.listener import WaveNetListener
    from keiryo.audio.typed_options import WaveNetPlanOptions
    from keiryo.comparison.beforehand.preview_record import Preview
    from keiryo.comparison.listener import Listener
    from keiryo.comparison.typed_options import PlanOptions
    from keiryo.records.comparison import Comparison
    from keiryo.records.wavenet import WaveNetTraining


def compare(
    data: str | Path | None = None,
    models: Sequence[str] | None = None,
    *,
    out: str | Path,
    preset: str | None = None,
    resume: bool = False,
    measure_again: bool = False,
    force: bool = False,
    listener: "Listener | None" = None,
    log: str | Sequence[str] | None = None,
    **options: "Unpack[PlanOptions]",
) -> "Comparison":
    """Train `models` side by side on `data`, measure and rank them, and write the report.

    `options` are those of `keiryo compare`, explained in `keiryo.comparison.options`; `preset`
    gives some of them other defaults. Results go into the folder `out`. With `resume`, the
    comparison there continues, or begins if there is none; with `measure_again` too, all latencies
    are measured again. `log` names loggers, `tensorboard` and `mlflow`, that are told of each trial
    beside `listener`. Raises InputError for what is not possible.
    """
    from keiryo.comparison.listener import Listeners
    from keiryo.comparison.plan import comparison_folder, make_plan, resume_plan
    from keiryo.comparison.run import run_comparison
    from keiryo.loggers import make_loggers

    given = _given(data, models, options)
    folder = Path(out)
    if measure_again and not resume:
        raise InputError("--measure-again: measures a comparison that is there; add --resume")
    # A script that always resumes must be able to begin, and one killed early to continue.
    resume = resume and (comparison_folder(folder).has_plan or "data" not in given)
    plan = resume_plan(given, folder, preset=preset) if resume else make_plan(given, preset=preset)
    listeners = Listeners(*filter(None, [listener]), *make_loggers(log or (), folder))
    comparison = run_comparison(
        plan,
        folder,
        resume=resume,
        force=force,
        listener=listeners,
        measure_again=measure_again,
    )
    from keiryo.report.page import write_report

    write_report(comparison, folder)
    return comparison


def preview(
    data: str | Path | None = None,
    models: Sequence[str] | None = None,
    *,
    out: str | Path = "comparison",
    preset: str | None = None,
    listener: "Listener | None" = None,
    **options: "Unpack[PlanOptions]",
) -> "Preview":
    """Return what `compare` would do: data, split, candidates, costs, time, memory and disk.

    A few training steps of each candidate are measured; nothing is written. Raises InputError for
    what is not possible.
    """
    from keiryo.comparison.beforehand.preview import preview_comparison
    from keiryo.comparison.listener import Listener
    from keiryo.comparison.plan import make_plan

    plan = make_plan(_given(data, models, options), preset=preset)
    return preview_comparison(plan, Path(out), listener or Listener())


def _given(
    data: str | Path | None, models: Sequence[str] | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what was given, by the names of the plan's fields."""
    given = {key: value for key, value in options.items() if value is not None}
    if data is not None:
        given["data"] = str(data)
    if models is not None:
        given["models"] = list(models)
    return given


def train_wavenet(
    data: str | Path | None = None,
    *,
    out: str | Path,
    resume: bool = False,
    force: bool = False,
    listener: "WaveNetListener | None" = None,
    **options: "Unpack[WaveNetPlanOptions]",
) -> "WaveNetTraining":
    """Train a WaveNet on the recordings `data`, without it on `tones`, and write the report.

    `options` are those of `keiryo wavenet train`, explained in `keiryo.audio.options`. The model
    and all else goes into the folder `out`. With `resume`, the training there continues, or
    begins if there is none. Raises InputError for what is not possible.
    """
    from keiryo.audio import plan as wavenet_plan
    from keiryo.audio.listener import WaveNetListener
    from keiryo.audio.run import run_wavenet_training
    from keiryo.measure.machine import usable_cores

    given: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    if data is not None:
        given["data"] = str(data)
    folder = Path(out)
    resume = resume and (wavenet_plan.wavenet_folder(folder).has_plan or data is None)
    if resume:
        plan = wavenet_plan.resume_plan(given, folder)
    else:
        plan = wavenet_plan.make_plan({"threads": usable_cores(), **given})
    training = run_wavenet_training(
        plan, folder, resume=resume, force=force, listener=listener or WaveNetListener()
    )
    from keiryo.report.wavenet_page import write_wavenet_report

    write_wavenet_report(training, folder)
    return training
