"""The functions of `import keiryo` that join several rooms."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keiryo.comparison.listener import Listener, Listeners
from keiryo.comparison.plan import has_plan, new_plan, resumed_plan
from keiryo.comparison.run import run_comparison
from keiryo.loggers import make_loggers
from keiryo.report.page import write_report
from keiryo.results import Comparison


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
    `size`, `fit`, `batch`, `accumulate`, `save_memory`, `seeds`, `folds`, `seed`, `recipe`,
    `augment`, `robust`, `stop_early`, `learning_rate`, `pretrained`, `fine_tune`,
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
