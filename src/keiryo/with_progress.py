"""The long functions of `import keiryo`, which show their progress on standard error."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from keiryo import api

if TYPE_CHECKING:
    from keiryo.audio.listener import WaveNetListener
    from keiryo.audio.typed_options import WaveNetPlanOptions
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
    progress: bool = True,
    log: str | Sequence[str] | None = None,
    **options: "Unpack[PlanOptions]",
) -> "Comparison":
    """Train `models` side by side on `data`, measure and rank them, and write the report.

    `options` are those of `keiryo compare`, explained in `keiryo.comparison.options`; `preset`
    gives some of them other defaults. Results go into the folder `out`. With `resume`, the
    comparison there continues, or begins if there is none; with `measure_again` too, all latencies
    are measured again. `progress` shows what the command line shows, on standard error; a
    `listener` of your own is told instead. `log` names loggers, `tensorboard` and `mlflow`, that
    are told of each trial as well. Raises InputError for what is not possible.
    """

    def run(told: "Listener | None") -> "Comparison":
        return api.compare(
            data,
            models,
            out=out,
            preset=preset,
            resume=resume,
            measure_again=measure_again,
            force=force,
            listener=told,
            log=log,
            **options,
        )

    if listener is not None or not progress:
        return run(listener)
    from keiryo.cli.progress import show_progress

    with show_progress() as shown:
        return run(shown)


def train_wavenet(
    data: str | Path | None = None,
    *,
    out: str | Path,
    resume: bool = False,
    force: bool = False,
    listener: "WaveNetListener | None" = None,
    progress: bool = True,
    **options: "Unpack[WaveNetPlanOptions]",
) -> "WaveNetTraining":
    """Train a WaveNet on the recordings `data`, without it on `tones`, and write the report.

    `options` are those of `keiryo wavenet train`, explained in `keiryo.audio.options`. The model
    and all else goes into the folder `out`. With `resume`, the training there continues, or
    begins if there is none. `progress` shows what the command line shows, on standard error; a
    `listener` of your own is told instead. Raises InputError for what is not possible.
    """

    def run(told: "WaveNetListener | None") -> "WaveNetTraining":
        return api.train_wavenet(
            data, out=out, resume=resume, force=force, listener=told, **options
        )

    if listener is not None or not progress:
        return run(listener)
    from keiryo.cli.wavenet.progress import show_wavenet_progress

    with show_wavenet_progress() as shown:
        return run(shown)
