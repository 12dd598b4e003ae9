"""The choice of image size, batch, epochs and recipe, as a function of the circumstances."""

from collections.abc import Collection
from dataclasses import dataclass

from keiryo.comparison.beforehand.circumstances import Circumstances
from keiryo.comparison.plan import CHOSEN
from keiryo.data.image.fit import DEFAULT_SIZE
from keiryo.sentences import count
from keiryo.train.batch_size import largest_useful_batch

# Multiples of 32, by which networks reduce an image.
SIZES = (32, 64, 96, 128, 160, 192, DEFAULT_SIZE)
# A network sees little in smaller images.
SMALLEST_ENOUGH = 64
LARGEST_BATCH = 128
# An epoch of few images is short, so small sets get more of them.
IMAGES_TO_SEE = 60_000
FEWEST_EPOCHS, MOST_EPOCHS = 30, 100
# If the images are many and the machine is slow.
FEWEST_EPOCHS_IN_A_HURRY = 10
# Stronger augmentation helps from about so many epochs on (docs/lab/recipe-trials.md).
EPOCHS_OF_LONG = 60
# In a budget of minutes, a smaller image that is seen more often teaches more.
EPOCHS_WORTH_A_SIZE = 20
MINUTES_OF_ALL = 60.0
# Images grow during a training (`keiryo.train.recipe`): the mean time of a step, relative to that
# of the last.
MEAN_COST = 0.8
STEP_SECONDS = 0.03  # of a step, whatever its batch: the optimiser, and calling operators


@dataclass(frozen=True)
class Choice:
    """The options that were chosen, by name, and a reason for each, in words."""

    options: dict[str, int | str]
    reasons: dict[str, str]


def choose(
    free: Collection[str],
    *,
    size: int,
    batch: int,
    epochs: int | None,
    circumstances: Circumstances,
) -> Choice:
    """Choose the options that `free` names, of CHOSEN; the others are given.

    The size is at most that of the images. Without a budget of minutes, all trainings together
    shall take about an hour.
    """
    options: dict[str, int | str] = {}
    reasons: dict[str, str] = {}
    images = circumstances.images
    if "batch" in free:
        batch = min(LARGEST_BATCH, largest_useful_batch(images))
        steps = max(1, images // batch)
        options["batch"] = batch
        reasons["batch"] = f"an epoch of {images:,} images then has {count(steps, 'step')}"
    if "epochs" in free:
        epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(IMAGES_TO_SEE / max(1, images))))
    if "size" in free:
        size, reasons["size"] = _choose_size(epochs, batch, circumstances)
        options["size"] = size
    if "epochs" in free:
        assert epochs is not None
        epochs, reasons["epochs"] = _fit_epochs(epochs, size, batch, circumstances)
        options["epochs"] = epochs
    if "recipe" in free and epochs is not None and epochs >= EPOCHS_OF_LONG:
        options["recipe"] = "long"
        reasons["recipe"] = f"for {EPOCHS_OF_LONG} epochs and more"
    # In the order in which users think of them.
    names = [name for name in CHOSEN if name in options]
    return Choice({name: options[name] for name in names}, {name: reasons[name] for name in names})


def training_seconds(
    circumstances: Circumstances, size: int, epochs: int, batch: int
) -> list[float]:
    """Estimate the time of one training of each candidate, without evaluations."""
    seen = circumstances.images * epochs
    growth = MEAN_COST * (size / DEFAULT_SIZE) ** 2
    return [
        seen * (growth * seconds + STEP_SECONDS / batch)
        for seconds in circumstances.seconds_per_image
    ]


def _choose_size(epochs: int | None, batch: int, circumstances: Circumstances) -> tuple[int, str]:
    side = circumstances.side
    wanted = next((size for size in SIZES if size >= side), DEFAULT_SIZE)
    possible = [size for size in SIZES if min(wanted, SMALLEST_ENOUGH) <= size <= wanted]
    in_time = [size for size in possible if _is_in_time(size, epochs, batch, circumstances)]
    chosen = max(in_time, default=min(possible))
    if chosen == wanted:
        images = f"the images' shorter sides have {side} pixels"
        return chosen, images if wanted >= side else f"that of ImageNet; {images}"
    if not in_time:
        return chosen, "larger images take too long here"
    if epochs is None:
        return chosen, f"larger images are not seen {EPOCHS_WORTH_A_SIZE} times in the time"
    return chosen, "with larger images, all trainings take more than an hour, as it seems"


def _is_in_time(size: int, epochs: int | None, batch: int, circumstances: Circumstances) -> bool:
    if circumstances.minutes is not None:
        seconds = training_seconds(circumstances, size, EPOCHS_WORTH_A_SIZE, batch)
        return max(seconds, default=0.0) <= 60 * circumstances.minutes
    assert epochs is not None
    each = sum(training_seconds(circumstances, size, epochs, batch))
    return each * circumstances.trainings <= 60 * MINUTES_OF_ALL


def _fit_epochs(
    epochs: int, size: int, batch: int, circumstances: Circumstances
) -> tuple[int, str]:
    each = sum(training_seconds(circumstances, size, epochs, batch))
    hours = each * circumstances.trainings / (60 * MINUTES_OF_ALL)
    if hours > 1 and epochs > FEWEST_EPOCHS_IN_A_HURRY:
        fewer = max(FEWEST_EPOCHS_IN_A_HURRY, int(epochs / hours))
        return fewer, f"{epochs} would take too long here"
    if epochs == FEWEST_EPOCHS:
        return epochs, "enough for so many images"
    return epochs, f"{circumstances.images:,} images are few, so they are seen often"
