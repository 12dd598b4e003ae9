"""Options for editors and type checkers, written by `make options`."""

from typing import Literal, TypedDict


class PlanOptions(TypedDict, total=False):
    """Options by name; `keiryo.comparison.options.ComparisonOptions` explains them."""

    epochs: int | None
    minutes: float | None
    total_minutes: float | None
    budget: Literal["wall", "processor"] | None
    size: int | None
    fit: Literal["crop", "letterbox", "stretch"] | None
    batch: int | None
    accumulate: int | None
    save_memory: bool | None
    precision: Literal["auto", "float32", "bfloat16"] | None
    seeds: int | None
    folds: int | None
    seed: int | None
    recipe: str | None
    learning_rate: float | None
    augment: str | None
    robust: bool | None
    class_weights: bool | None
    metric: Literal["accuracy", "balanced"] | None
    engine: str | None
    stop_early: bool | None
    pretrained: str | None
    fine_tune: Literal["head", "all", "two-stage"] | None
    max_latency_ms: float | None
    max_size_mb: float | None
    max_params: int | None
    device: Literal["auto", "cpu", "cuda", "mps"] | None
    threads: int | None
    wait_for_quiet: float | None
