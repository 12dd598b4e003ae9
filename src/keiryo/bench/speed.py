"""The speed of a model's inference or training on this machine."""

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from keiryo.bench.engine_files import EngineFile, engine_files
from keiryo.bench.training_layers import measure_training_layers
from keiryo.bench.training_steps import StepsOfTraining, measure_training
from keiryo.bench.weighing import weigh_model
from keiryo.cost.refusals import InputShapeError
from keiryo.errors import InputError
from keiryo.files import bytes_of
from keiryo.measure.engines import ENGINES, engine_of_file, find_engine
from keiryo.measure.latency import (
    LONGEST_WAIT_SECONDS,
    LatencyError,
    ToMeasure,
    measure_latencies,
)
from keiryo.measure.profile import measure_profile
from keiryo.models.saved import (
    MODEL_FILE,
    Preprocessing,
    SavedModel,
    channels_last,
    find_model_file,
    read_description,
    save_model,
)
from keiryo.models.spec import build, fit_to_size, parse_spec
from keiryo.models.users_module import users_forward
from keiryo.records.speed import TORCH, Latency, Speed
from keiryo.train.precision import mixed_precision
from keiryo.version import __version__

DEFAULT_CLASSES = 1000  # those of ImageNet, for which papers give their figures
DEFAULT_SIZE = 224


@dataclass(frozen=True)
class Subject:
    """The model to measure: one with random weights, by its name, or the file of a trained one.

    `file` may also be one that `keiryo export` wrote, or its folder; `engine` is then the only one
    that runs it.
    `shape` is that of one example, without the batch; None: an RGB image of `size`.
    """

    name: str
    model: str
    size: int
    classes: int
    file: Path | None = None
    shape: tuple[int, ...] | None = None
    engine: str | None = None

    @classmethod
    def from_name(
        cls,
        name: str,
        *,
        size: int | None,
        classes: int | None,
        shape: tuple[int, ...] | None = None,
    ) -> "Subject":
        """Find the trial's folder, its model file, an exported file, or the model called `name`.

        Raises InputError if there is none, or if it does not take images of `size`.
        """
        path = Path(name)
        is_trial = (path / MODEL_FILE).exists()  # which may hold exported files, too
        engine = None if is_trial else engine_of_file(path)
        file = path if engine else find_model_file(path)
        if path.is_dir() or engine or path.suffix == file.suffix == Path(MODEL_FILE).suffix:
            description = find_engine(engine).describe(file) if engine else read_description(file)
            trained_at = description.preprocessing.size
            for option, given in (("--size", size), ("--classes", classes), ("--input", shape)):
                if given is not None:
                    raise InputError(f"{option}: {name} has its own; leave it out")
            classes = len(description.classes)
            return cls(name, description.model, trained_at, classes, file, engine=engine)
        spec = parse_spec(name)
        if shape is not None and size is not None:
            raise InputError("--input and --size: give one of the two")
        size = size or (DEFAULT_SIZE if shape is None else shape[-1])
        classes = classes or DEFAULT_CLASSES
        spec = fit_to_size(spec, size)
        try:
            weigh_model(spec, [shape or (3, size, size)], classes=classes)
        except InputShapeError as error:
            option = f"--size {size}" if shape is None else f"--input {'x'.join(map(str, shape))}"
            raise InputError(f"{option}: {error}") from None
        return cls(str(spec), str(spec), size, classes, shape=shape)


def inference_speeds(
    subject: Subject,
    *,
    engines: Sequence[str] = (TORCH,),
    batches: Sequence[int],
    threads: int,
    device: str,
    wait: float = LONGEST_WAIT_SECONDS,
    say: Callable[[str], None] = lambda message: None,
) -> list[Speed]:
    """Measure inference by each of the `engines` on batches of each size, by sizes.

    Each engine has a process of its own, and the engines take turns. It waits for at most `wait`
    seconds for each size until other processes take little. Raises InputError if the network cannot
    be run, or cannot be exported for an engine.
    """
    speeds: list[Speed] = []
    with tempfile.TemporaryDirectory() as folder:
        file = subject.file or _save_with_random_weights(subject, Path(folder))
        files = engine_files(
            file,
            engines,
            Path(folder),
            is_exported=bool(subject.engine),
            is_trained=subject.file is not None,
            say=say,
        )
        for batch in batches:
            say(f"Measuring {subject.name}, batch {batch} ...")
            found = measure_latencies(
                [
                    ToMeasure((files[engine].path,), batch, subject.shape, engine)
                    for engine in engines
                ],
                device=device,
                threads=threads,
                wait=wait,
            )
            for engine, latency in zip(engines, found, strict=True):
                if isinstance(latency, LatencyError):
                    raise _run_error(subject, batch, latency.status, latency.log)
                speeds.append(_speed(subject, files[engine], latency))
    return speeds


def _speed(subject: Subject, file: EngineFile, latency: Latency) -> Speed:
    return Speed(
        model=subject.model,
        mode="inference",
        size=subject.size,
        input_shape=subject.shape,
        batch=latency.batch,
        latency_ms=latency,
        images_per_second=1000.0 * latency.batch / latency.p50,
        engine_version=ENGINES[latency.engine].title_with_version,
        file_bytes=bytes_of(file.path),
        largest_difference=file.largest_difference,
        peak_memory_bytes=latency.peak_memory_bytes,
    )


def training_speed(
    subject: Subject, *, batch: int, threads: int, device: str, layers: bool, **options: Any
) -> Speed:
    """Measure steps of a training in its own process, and each layer if `layers`.

    `options` are fields of `StepsOfTraining`: recipe, save_memory, precision.
    """
    steps = StepsOfTraining(
        model=subject.model,
        size=subject.size,
        classes=subject.classes,
        batch=batch,
        threads=threads,
        device=device,
        **options,
    )
    try:
        speed = measure_training(steps)
    except subprocess.CalledProcessError as error:
        raise _run_error(subject, batch, error.returncode, error.stderr or "") from None
    if not layers:
        return speed
    torch.set_num_threads(threads)
    kind = torch.bfloat16 if speed.precision == "bfloat16" else torch.float32
    profile = measure_profile(device=device, threads=threads, kind=kind)
    network = channels_last(build(subject.model, classes=subject.classes))
    inputs = torch.randn(batch, 3, subject.size, subject.size)
    inputs = inputs.to(memory_format=torch.channels_last)
    context = mixed_precision(network, torch.device(device), speed.precision)
    with users_forward(subject.name):
        measured = measure_training_layers(network, inputs, profile, context)
    return speed.model_copy(update={"layers": measured})


def _save_with_random_weights(subject: Subject, folder: Path) -> Path:
    torch.manual_seed(0)
    description = SavedModel(
        keiryo_version=__version__,
        model=subject.model,
        classes=[str(number) for number in range(subject.classes)],
        preprocessing=Preprocessing(
            size=subject.size, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)
        ),
    )
    path = folder / MODEL_FILE
    save_model(path, build(subject.model, classes=subject.classes), description)
    return path


def _run_error(subject: Subject, batch: int, status: int, log: str) -> InputError:
    if status < 0:
        return InputError(
            f"--batch {batch}: the system ended the process of {subject.name} "
            f"(signal {-status}), most likely for want of memory; give a smaller one"
        )
    last = log.strip().splitlines()[-1:] or ["no error message"]
    return InputError(f"{subject.name}, --batch {batch}: could not be run: {last[0]}")
