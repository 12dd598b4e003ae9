"""The records of a training: epochs, pauses, and snapshots of single steps."""

from typing import Literal

from pydantic import Field

from keiryo.records.base import Record

# What options of a training take.
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
FineTune = Literal["head", "all", "two-stage"]
Precision = Literal["auto", "float32", "bfloat16"]


class Epoch(Record):
    """One pass over the training images.

    `train_loss` and `train_accuracy` are running figures, over augmented images and
    changing weights, as the training saw them; `val_*` are over the held-out images
    at the end of the epoch.
    """

    epoch: int
    train_loss: float
    train_accuracy: float | None = Field(default=None, description="None: a task without classes")
    val_loss: float
    val_accuracy: float | None = None
    learning_rate: float
    seconds: float


class Pause(Record):
    """A pause of a training, with the held-out accuracy by then."""

    share: float = Field(description="of its budget, from 0 to 1, at which it was to pause")
    val_accuracy: float


class LayerSnapshot(Record):
    """One layer in one training step.

    A layer with weights has norms, a gradient and an update; one of batch norm, how far
    its running statistics were from the batch's; an activation, what it let through.
    """

    layer: str
    kind: Literal["weights", "batch norm", "activation"]
    weight_norm: float | None = Field(default=None, description="L2, of its weights")
    gradient_norm: float | None = Field(
        default=None, description="L2, of the loss by its weights, before any clipping"
    )
    update_ratio: float | None = Field(
        default=None, description="what the step changed, by L2, over the weights' own"
    )
    activation_rms: float | None = Field(
        default=None, description="root mean square of its outputs"
    )
    dead_share: float | None = Field(
        default=None, description="of its channels, those that were zero for the whole batch"
    )
    saturated_share: float | None = Field(
        default=None, description="of its outputs, those at the flat end of the activation"
    )
    mean_gap: float | None = Field(
        default=None,
        description="running mean against the batch's, in standard deviations of the batch: "
        "root mean square over the channels",
    )
    variance_ratio: float | None = Field(
        default=None, description="running variance over the batch's, median over the channels"
    )


class Snapshot(Record):
    """One training step, layer by layer."""

    epoch: int = Field(description="from 1")
    step: int = Field(description="of the whole training, from 0")
    loss: float
    learning_rate: float
    gradient_norm: float = Field(description="L2, over all parameters, before any clipping")
    noise_scale: float | None = Field(
        default=None,
        description="images in a batch at which the gradient's noise equals the gradient",
    )
    layers: list[LayerSnapshot] = Field(description="in the order they ran")


class SnapshotFile(Record):
    """The content of `snapshots.json` in a trial's folder."""

    format_version: int = 1
    snapshots: list[Snapshot]
