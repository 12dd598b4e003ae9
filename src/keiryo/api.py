"""The functions of `import keiryo` that join several rooms."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keiryo.audio.plan import has_plan as has_wavenet_plan
from keiryo.audio.plan import new_plan as new_wavenet_plan
from keiryo.audio.plan import resumed_plan as resumed_wavenet_plan
from keiryo.audio.run import WaveNetListener, run_wavenet_training
from keiryo.comparison.listener import Listener, Listeners
from keiryo.comparison.plan import has_plan, new_plan, resumed_plan
from keiryo.comparison.run import run_comparison
from keiryo.loggers import make_loggers
from keiryo.measure.machine import usable_cores
from keiryo.records.comparison import Comparison
from keiryo.records.wavenet import WaveNetTraining
from keiryo.report.page import write_report
from keiryo.report.wavenet_page import write_wavenet_report


def compare(
    data: str | Path | None = None,
    models: Sequence[str] | None = None,
    *,
    out: str | Path,
    preset: str | None = None,
    resume: bool = False,
    force: bool = False,
    listener: Listener | None = None,
    log: str | Sequence[str] | None = None,
    **options: Any,
) -> Comparison:
    """Train `models` side by side on `data`, measure and rank them, and write the report.

    `options` are those of `keiryo compare` by their long names: `epochs` or `minutes`,
    `size`, `fit`, `batch`, `accumulate`, `save_memory`, `precision`, `seeds`, `folds`, `seed`,
    `recipe`, `augment`, `robust`, `stop_early`, `learning_rate`, `pretrained`, `fine_tune`,
    `max_latency_ms`, `max_size_mb`, `max_params`, `device`, `threads`; `preset` gives some
    of them other defaults. Results go into the folder `out`; with `resume`, the comparison
    there goes on, or begins if there is none. `log` names loggers, `tensorboard` and
    `mlflow`, that are told of each trial beside `listener`. Raises InputError for what is
    not possible.
    """
    given = {key: value for key, value in options.items() if value is not None}
    if data is not None:
        given["data"] = str(data)
    if models is not None:
        given["models"] = list(models)
    folder = Path(out)
    # A script that always resumes must be able to begin, and one killed early to go on.
    resume = resume and (has_plan(folder) or "data" not in given)
    plan = resumed_plan(given, folder, preset=preset) if resume else new_plan(given, preset=preset)
    listeners = Listeners(*filter(None, [listener]), *make_loggers(log or (), folder))
    comparison = run_comparison(plan, folder, resume=resume, force=force, listener=listeners)
    write_report(comparison, folder)
    return comparison


def train_wavenet(
    data: str | Path | None = None,
    *,
    out: str | Path,
    resume: bool = False,
    force: bool = False,
    listener: WaveNetListener | None = None,
    **options: Any,
) -> WaveNetTraining:
    """Train a WaveNet on the recordings `data`, without it on `tones`, and write the report.

    `options` are the fields of `keiryo.audio.plan.WaveNetPlan`, nearly all named as options of
    `keiryo wavenet train`: `condition`, `epochs` or `minutes`, `stacks`, `layers`, `seed` and
    so on. The model and all else goes into the folder `out`; with `resume`, the training there
    goes on, or begins if there is none. Raises InputError for what is not possible.
    """
    given = {key: value for key, value in options.items() if value is not None}
    if data is not None:
        given["data"] = str(data)
    folder = Path(out)
    resume = resume and (has_wavenet_plan(folder) or data is None)
    if resume:
        plan = resumed_wavenet_plan(given, folder)
    else:
        plan = new_wavenet_plan({"threads": usable_cores(), **given})
    training = run_wavenet_training(
        plan, folder, resume=resume, force=force, listener=listener or WaveNetListener()
    )
    write_wavenet_report(training, folder)
    return training
