"""The records of a training: epochs, pauses, and snapshots of single steps."""

from typing import Literal

from pydantic import Field

from keiryo.records.base import Record

# The choices of a training's options.
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
BudgetTime = Literal["wall", "processor"]
Metric = Literal["accuracy", "balanced"]
FineTune = Literal["head", "all", "two-stage"]
Precision = Literal["auto", "float32", "bfloat16"]


class Epoch(Record):
    """One pass over the training images.

    `train_loss` and `train_accuracy` are means over the epoch's steps, on augmented images and
    with changing weights; `val_*` are over the held-out images at the end of the epoch.
    """

    epoch: int
    train_loss: float
    train_accuracy: float | None = Field(default=None, description="None: the task has no classes")
    val_loss: float
    val_accuracy: float | None = None
    learning_rate: float
    seconds: float


class Pause(Record):
    """A pause of a training, with its held-out accuracy at that time."""

    share: float = Field(description="planned share of its budget, from 0 to 1")
    val_accuracy: float


class LayerSnapshot(Record):
    """One layer in one training step.

    A layer with weights has norms, a gradient and an update; a batch norm, the difference
    between its running statistics and the batch's; an activation, its dead and saturated shares.
    """

    layer: str
    kind: Literal["weights", "batch norm", "activation"]
    weight_norm: float | None = Field(default=None, description="L2 norm of its weights")
    gradient_norm: float | None = Field(
        default=None, description="L2 norm of the gradient of its weights, before any clipping"
    )
    update_ratio: float | None = Field(
        default=None, description="L2 norm of the step's change over that of the weights"
    )
    activation_rms: float | None = Field(
        default=None, description="root mean square of its outputs"
    )
    dead_share: float | None = Field(
        default=None, description="share of its channels that were zero for the whole batch"
    )
    saturated_share: float | None = Field(
        default=None, description="share of its outputs at the flat end of the activation"
    )
    mean_gap: float | None = Field(
        default=None,
        description="running mean minus the batch's, in standard deviations of the batch: "
        "root mean square over the channels",
    )
    variance_ratio: float | None = Field(
        default=None, description="running variance over the batch's, median over the channels"
    )


class Snapshot(Record):
    """One training step, layer by layer."""

    epoch: int = Field(description="from 1")
    step: int = Field(description="number in the whole training, from 0")
    loss: float
    learning_rate: float
    gradient_norm: float = Field(description="L2 norm over all parameters, before any clipping")
    noise_scale: float | None = Field(
        default=None,
        description="batch size at which the gradient's noise equals the gradient",
    )
    layers: list[LayerSnapshot] = Field(description="in the order they ran")


class SnapshotFile(Record):
    """The content of `snapshots.json` in a trial's folder."""

    format_version: int = 1
    snapshots: list[Snapshot]
