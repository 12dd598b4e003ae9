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
        None, "Training time of each model in minutes, instead of --epochs.", gt=0
    )
    size: int = option(..., "Side of the square images in pixels.", shown="224", ge=8, le=4096)
    fit: Fit = option(
        "crop",
        "How to make an image square: crop the middle, letterbox (add grey bars), or stretch.",
    )
    batch: int = option(..., "Images per step.", shown="128", ge=1)
    accumulate: int = option(
        1,
        "Gradient accumulation: cut each batch into this many parts, with one step for all of "
        "them. It takes less memory. Batch norm uses the statistics of each part.",
        ge=1,
    )
    save_memory: bool = option(
        False,
        "Recompute cheap activations in the backward pass instead of keeping them: a fifth to a "
        "third less memory, some 10 % more time, the same bits.",
    )
    precision: Precision | None = option(
        None,
        "Precision of the training. bfloat16 keeps weights in float32, and activations in "
        "bfloat16, in half the memory. auto takes bfloat16 if the device computes faster in it.",
        shown="auto",
    )
    seeds: int = option(
        1, "Trainings of each model, with the seeds --seed, --seed + 1 and so on.", ge=1
    )
    folds: int = option(
        1,
        "Fifths of the images that are held out in turn. With 5, each image is held out once.",
        ge=1,
        le=5,  # fifths: `keiryo.data.survey.split.FOLDS`
    )
    seed: int = option(
        0, "Random seed of the split, the initial weights and the order of images.", ge=0
    )
    recipe: str = option(
        "keiryo",
        "Training recipe: keiryo; long, for 60 epochs and more; plain, Adam at its defaults; "
        "reported, that of the course as Keras 2.7 ran it. Several, separated by commas, are "
        "compared.",
    )
    learning_rate: float | None = option(
        None, "Peak learning rate, instead of the recipe's.", gt=0, lt=float("inf")
    )
    augment: str | None = option(
        None,
        "Change of the recipe's augmentation: none, or settings such as "
        "rotation=15,cutout=0.25,mixup=0.2.",
    )
    robust: bool = option(
        False,
        "Also measure accuracy on corrupted held-out images: noise, blur, JPEG compression, "
        "brightness, shifts.",
    )
    stop_early: bool = option(
        False,
        "Drop the worse half of the candidates, by held-out accuracy, after 1/8, 1/4 and 1/2 of "
        "their training. Of four candidates: after 1/4 and 1/2. Of two: after 1/2.",
    )
    pretrained: str | None = option(
        None,
        "File of weights to start from: keiryo's, torchvision's or timm's. For several models: "
        "MODEL=PATH,MODEL=PATH.",
        metavar="PATH|URL",
    )
    fine_tune: FineTune | None = option(
        None,
        "Layers of a pretrained network to train: head (the classifier), all, or two-stage (first "
        "the classifier, then all).",
        shown="two-stage",
    )
    max_latency_ms: float | None = option(
        None, "Largest latency, in milliseconds, of a model to recommend.", gt=0
    )
    max_size_mb: float | None = option(
        None, "Largest file, in megabytes, of a model to recommend.", gt=0
    )
    max_params: int | None = option(
        None, "Largest number of parameters of a model to recommend.", gt=0
    )
    device: DeviceName = option("auto", "Device to train on.")
    threads: int = option(..., "Number of processor threads.", shown="all cores", ge=1)
