"""Small trainings of WaveNets, in seconds."""

from pathlib import Path
from typing import Any

import torch

from keiryo.audio.listener import WaveNetListener
from keiryo.audio.training.evaluation import counts_of_codes
from keiryo.audio.training.initialization import initialize
from keiryo.audio.training.task import WaveNetTask, wavenet_recipe
from keiryo.models.wavenet import WaveNet, WaveNetConfiguration
from keiryo.recordings.chunks import ChunkBatch, ChunkBatches, Chunks
from keiryo.recordings.pack import RecordingPack
from keiryo.recordings.split import split_recordings
from keiryo.train.budget import Budget
from keiryo.train.listener import TrainingProgress
from keiryo.train.loop import Training

TONES = "tones:count=12,seconds=0.2"
# As options of the plan, and of the command line.
SIZE: dict[str, Any] = {"stacks": 2, "layers": 3, "residual": 8, "skip": 8, "threads": 1}
SIZE_OPTIONS = [part for key, value in SIZE.items() for part in (f"--{key}", str(value))]


class StoppingListener(WaveNetListener):
    """Wants the training to stop after so many steps."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def progressed(self, progress: TrainingProgress) -> None:
        self._left -= 1

    def wants_stop(self) -> bool:
        return self._left <= 0


def small_training(
    pack: RecordingPack,
    *,
    epochs: int = 2,
    seconds: float | None = None,
    learning_rate: float = 1e-2,
    checkpoint: Path | None = None,
    fingerprint: str = "",
    **configuration: Any,
) -> Training[ChunkBatch]:
    """A training of the smallest network on a pack, for `epochs` or, if given, for `seconds`."""
    options: dict[str, Any] = {
        "stacks": 2,
        "layers_per_stack": 3,
        "residual_channels": 8,
        "gate_channels": 8,
        "skip_channels": 8,
        "labels": tuple(len(category.values) for category in pack.categories),
        **configuration,
    }
    made = WaveNetConfiguration(**options)
    splits = split_recordings(pack, seed=0)
    context = made.receptive_field
    torch.manual_seed(0)
    network = WaveNet(made)
    initialize(network, counts_of_codes(pack, splits.train))
    task = WaveNetTask(
        network,
        ChunkBatches(Chunks(pack, splits.train, context=context, samples=200), batch=4, seed=0),
        Chunks(pack, splits.val, context=context, samples=200),
        recipe=wavenet_recipe(optimizer="adamw", learning_rate=learning_rate),
        device=torch.device("cpu"),
    )
    budget = Budget(epochs=epochs) if seconds is None else Budget(seconds=seconds)
    return Training(task, budget=budget, checkpoint=checkpoint, fingerprint=fingerprint)
