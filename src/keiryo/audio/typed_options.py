"""Options for editors and type checkers, written by `make options`."""

from typing import Literal, TypedDict


class WaveNetPlanOptions(TypedDict, total=False):
    """Options by name; `keiryo.audio.options.WaveNetOptions` explains them."""

    condition: str | None
    hold_out: str | None
    rate: int | None
    trim_db: float | None
    normalize: bool | None
    stacks: int | None
    layers: int | None
    kernel: int | None
    residual: int | None
    skip: int | None
    output: Literal["softmax", "logistics"] | None
    is_dilated: bool | None
    epochs: int | None
    minutes: float | None
    batch: int | None
    samples: int | None
    optimizer: Literal["adam", "adamw"] | None
    learning_rate: float | None
    seed: int | None
    device: Literal["auto", "cpu", "cuda", "mps"] | None
    threads: int | None
