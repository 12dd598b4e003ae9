"""The options of `keiryo compare` and `keiryo.compare`, each declared once.

A new option is a field here. `make options` then writes it into `typed_options.py`, which editors
and type checkers read; a test compares. Importing this file loads neither torch nor numpy.
"""

from keiryo.plan_option import option
from keiryo.records.base import Record
from keiryo.records.data import Fit
from keiryo.records.training import DeviceName, FineTune, Precision


class ComparisonOptions(Record):
    """The options of a comparison, without its data and its models."""

    epochs: int | None = option(None, "Passes over the training images.", shown="30", ge=1)
    minutes: float | None = option(
        None, "Time for each model, in minutes, instead of a number of epochs.", gt=0
    )
    size: int = option(..., "Side of the square images, in pixels.", shown="224", ge=8, le=4096)
    fit: Fit = option(
        "crop",
        "Way to make images square: crop the middle, letterbox between grey bars, or stretch.",
    )
    batch: int = option(..., "Images in a step.", shown="128", ge=1)
    accumulate: int = option(
        1,
        "Number of parts that each batch is cut into. They go through the network one after the "
        "other, which takes less memory. Batch norm's statistics are then those of a part.",
        ge=1,
    )
    save_memory: bool = option(
        False,
        "Recompute cheap activations in the backward pass instead of keeping them: a fifth to a "
        "third less memory, some 10 % more time, the same bits.",
    )
    precision: Precision | None = option(
        None,
        "Precision of the training. bfloat16 keeps weights in float32 and activations in half the "
        "memory; auto takes it if the device computes faster in it.",
        shown="auto",
    )
    seeds: int = option(1, "Number of trainings of each model, each with a seed of its own.", ge=1)
    folds: int = option(
        1,
        "Number of fifths that are held out in turn. With 5, each image is held out once.",
        ge=1,
        le=5,  # fifths: `keiryo.data.survey.split.FOLDS`
    )
    seed: int = option(0, "Random seed.", ge=0)
    recipe: str = option(
        "keiryo",
        "Training recipe: keiryo, long (for some sixty epochs and more), plain (Adam at its "
        "defaults) or reported (the course's experiment as Keras 2.7 ran it). Several, separated "
        "by commas, are compared.",
    )
    learning_rate: float | None = option(
        None, "Highest learning rate, in place of the recipe's.", gt=0, lt=float("inf")
    )
    augment: str | None = option(
        None,
        "Change the recipe's augmentation: none, or settings such as "
        "rotation=15,cutout=0.25,mixup=0.2.",
    )
    robust: bool = option(
        False, "Also measure accuracy under noise, blur, JPEG, brightness and shifts."
    )
    stop_early: bool = option(
        False,
        "Stop the worse half of the candidates, by held-out accuracy, after an eighth, a quarter "
        "and a half of their training (of four candidates, after a quarter and a half; of two, "
        "after a half).",
    )
    pretrained: str | None = option(
        None,
        "File of weights to begin with: keiryo's, torchvision's or timm's. MODEL=PATH,MODEL=PATH "
        "if there are several models.",
        metavar="PATH|URL",
    )
    fine_tune: FineTune | None = option(
        None,
        "Layers of a pretrained network to train: the classifier (head), all, or first the "
        "classifier and then all (two-stage).",
        shown="two-stage",
    )
    max_latency_ms: float | None = option(
        None, "Largest latency of a recommended model, in ms.", gt=0
    )
    max_size_mb: float | None = option(None, "Largest file of a recommended model, in MB.", gt=0)
    max_params: int | None = option(None, "Most parameters of a recommended model.", gt=0)
    device: DeviceName = option("auto", "Device to train on.")
    threads: int = option(..., "Processor threads.", shown="all cores", ge=1)
