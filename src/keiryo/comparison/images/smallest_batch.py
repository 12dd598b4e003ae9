"""Batches that are too small for a network."""

from collections.abc import Sequence

from torch.nn.modules.batchnorm import _BatchNorm

from keiryo.comparison.plan import Plan
from keiryo.errors import InputError
from keiryo.models.meta import build_weightless
from keiryo.models.spec import parse_spec


def check_batches(plan: Plan, classes: int, *, train_images: int | None = None) -> None:
    """Raise InputError if a batch norm of `plan` would get batches, or parts, of one image.

    Their variance over one image is zero or unknown. A batch is no larger than `train_images`.
    """
    batch = plan.batch if train_images is None else min(plan.batch, train_images)
    if smallest_part(batch, plan.accumulate) > 1:
        return
    model = _first_with_batch_norm(plan.models, classes)
    if model is None:
        return
    given = f"--batch {plan.batch}"
    if plan.accumulate > 1:
        given += f" --accumulate {plan.accumulate}"
    few = "" if batch == plan.batch else f" of {batch} training images"
    raise InputError(
        f"{given}: {model} has batch norm, which needs at least two images at a time, and a batch"
        f"{few} has {'a part of ' if plan.accumulate > 1 else ''}one; give "
        + ("a larger --batch or a smaller --accumulate" if plan.accumulate > 1 else "--batch 2")
        + ", or a model with another norm (norm=group)"
    )


def smallest_part(batch: int, parts: int) -> int:
    """Return the number of images in the smallest of the `parts` that a batch is cut into."""
    size = -(-batch // parts)
    return batch % size or size


def _first_with_batch_norm(models: Sequence[str], classes: int) -> str | None:
    for model in models:
        try:
            network = build_weightless(parse_spec(model), classes=classes)
        except InputError:
            continue  # a network of the user's own that cannot be built here is told of elsewhere
        if any(isinstance(layer, _BatchNorm) for layer in network.modules()):
            return model
    return None
