"""Checkpoints, from which a training resumes as if it had never stopped.

A checkpoint is one file, replaced as a whole: tensors by name, and figures as JSON.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError, model_validator
from torch import Tensor, nn

from keiryo.errors import InputError
from keiryo.models.tensor_file import TensorFileError, read_tensors, read_text, write_tensors
from keiryo.records.base import Record
from keiryo.records.training import Epoch, Pause, Snapshot
from keiryo.train.optimizer.averaging import WeightAverage

LONGEST_REASON = 160
_BEGIN_AGAIN = "remove it to begin this trial again"


class Position(Record):
    """The position of a training: `step` steps into `epoch` (from 0), and `steps` in all.

    `loss_sum` and `correct` are sums over the `examples` of the epoch so far. `fingerprint`
    identifies the network, its configuration and the data.
    """

    fingerprint: str = ""
    epoch: int = 0
    step: int = 0
    steps: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    examples: int = 0
    learning_rate: float = 0.0
    examples_seen: int = 0
    training_seconds: float = 0.0
    waiting_seconds: float = 0.0  # the part of training_seconds spent waiting for batches
    evaluation_seconds: float = 0.0
    saving_seconds: float = 0.0
    processor_seconds: float = 0.0  # of this process, over all runs
    others_seconds: float = 0.0  # processor time that other processes took meanwhile
    last_step_seconds: float = 0.0
    last_evaluation_seconds: float = 0.0  # expected, of the evaluation at the end of the budget
    epoch_started_at_seconds: float = 0.0
    history: list[Epoch] = []
    snapshots: list[Snapshot] = []
    pauses: list[Pause] = []

    @model_validator(mode="before")
    @classmethod
    def rename_old_keys(cls, data: Any) -> Any:
        """Rename keys of checkpoints written before images and recordings shared one loop."""
        if isinstance(data, dict):
            data.pop("epoch_ends", None)
            for old, new in (("pictures_seen", "examples_seen"), ("targets", "examples")):
                if old in data:
                    data[new] = data.pop(old)
        return data

    @property
    def seconds(self) -> float:
        """The wall time so far, over all runs of this training."""
        return self.training_seconds + self.evaluation_seconds + self.saving_seconds


@dataclass(frozen=True)
class TrainingState:
    """The objects whose state a checkpoint saves and restores, in addition to the position."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    device: torch.device
    average: WeightAverage | None = None


def save_checkpoint(path: Path, state: TrainingState, position: Position) -> None:
    """Write a checkpoint to `path`, whole or not at all."""
    tensors = {f"network/{name}": t for name, t in state.network.state_dict().items()}
    if state.average is not None:
        average = state.average.network.state_dict()
        tensors |= {f"average/{name}": t for name, t in average.items()}
    for number, figures in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{number}/{key}": t for key, t in figures.items()}
    tensors |= {f"random/{name}": t for name, t in _random_states(state.device).items()}
    write_tensors(path, tensors, position.model_dump_json())


def load_checkpoint(path: Path, state: TrainingState) -> Position | None:
    """Restore `state` in place from the checkpoint at `path`, and return its position.

    Returns None if there is no checkpoint. Raises InputError if it is damaged, or belongs to
    another network, recipe, device or version.
    """
    if not path.exists():
        return None
    try:
        position = Position.model_validate_json(read_text(path))
        tensors = read_tensors(path)
    except TensorFileError as error:
        raise InputError(f"{path}: damaged ({error}); {_BEGIN_AGAIN}") from None
    except ValidationError:
        raise InputError(f"{path}: from another version of keiryo; {_BEGIN_AGAIN}") from None
    try:
        state.network.load_state_dict(_strip_prefix("network/", tensors))
        if state.average is not None:
            state.average.network.load_state_dict(_strip_prefix("average/", tensors))
        _restore_optimizer(state.optimizer, _strip_prefix("optimizer/", tensors))
        torch.set_rng_state(tensors["random/cpu"])
        if state.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random/cuda"])
    except (RuntimeError, LookupError, ValueError) as error:
        reason = " ".join(str(error).split())[:LONGEST_REASON]
        raise InputError(
            f"{path}: from another model, recipe, device or version ({reason}); {_BEGIN_AGAIN}"
        ) from None
    return position


def _random_states(device: torch.device) -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, key = name.split("/")
        parameter = parameters[int(number)]
        if tensor.shape == parameter.shape:
            # Keep the parameter's memory layout: the fused step rounds differently in another one.
            tensor = torch.empty_like(parameter).copy_(tensor)
        state.setdefault(int(number), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _strip_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
