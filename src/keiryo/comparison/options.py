"""The options of `keiryo compare` and `keiryo.compare`, each declared once.

A new option is a field here. `make options` then writes it into `typed_options.py`, which editors
and type checkers read; a test compares. Importing this file loads neither torch nor numpy.
"""

from keiryo.plan_option import option
from keiryo.records.base import Record
from keiryo.records.data import Fit
from keiryo.records.speed import TORCH
from keiryo.records.training import BudgetTime, DeviceName, FineTune, Metric, Precision

# The sections of the help.
LENGTH = "Length, images and batches"
TRAINING = "Training"
MEASURES = "Repetitions, measures and ranking"
LIMITS = "Limits of what is recommended"
MACHINE = "Memory and machine"


class ComparisonOptions(Record):
    """The options of a comparison, without its data and its models."""

    epochs: int | None = option(
        None,
        "Passes over the training images.",
        shown="by the number of images",
        ge=1,
        group=LENGTH,
    )
    minutes: float | None = option(
        None,
        "Training time of each model in minutes, instead of --epochs.",
        gt=0,
        group=LENGTH,
    )
    total_minutes: float | None = option(
        None,
        "Time of the whole comparison in minutes, instead of --epochs. Each training gets the same "
        "part of it.",
        gt=0,
        group=LENGTH,
    )
    budget: BudgetTime = option(
        "wall",
        "Time that --minutes counts: wall, or processor. Processor time, divided by --threads, is "
        "equal for all models on a busy machine too.",
        group=LENGTH,
    )
    size: int = option(
        ...,
        "Side of the square images in pixels.",
        shown="by the images, the models and the time",
        ge=8,
        le=4096,
        group=LENGTH,
    )
    fit: Fit = option(
        "crop",
        "How to make images square: crop (keep the middle), letterbox (add grey bars) or stretch.",
        group=LENGTH,
    )
    batch: int = option(
        ...,
        "Number of images per step.",
        shown="by the number of images",
        ge=1,
        group=LENGTH,
    )
    accumulate: int = option(
        1,
        "Gradient accumulation: compute each batch in this many parts and sum their gradients. It "
        "takes less memory. Batch norm then uses the statistics of each part.",
        ge=1,
        group=MACHINE,
    )
    save_memory: bool = option(
        False,
        "Recompute cheap activations in the backward pass instead of keeping them. Training then "
        "takes a fifth to a third less memory and about 10 % more time; its results are the same.",
        group=MACHINE,
    )
    precision: Precision | None = option(
        None,
        "Precision of the training. bfloat16 keeps weights in float32 and stores activations in "
        "half the memory. auto chooses bfloat16 if the device computes faster in it.",
        shown="auto",
        group=MACHINE,
    )
    seeds: int = option(
        1,
        "Number of trainings of each model, with the seeds --seed, --seed + 1, ...",
        ge=1,
        group=MEASURES,
    )
    folds: int = option(
        1,
        "Number of trainings of each model, each with another fifth of the images held out. With "
        "5 (cross-validation), each image is held out once.",
        ge=1,
        le=5,  # fifths: `keiryo.data.survey.split.FOLDS`
        group=MEASURES,
    )
    seed: int = option(
        0,
        "Random seed of the split, the initial weights and the order of images.",
        ge=0,
        group=MEASURES,
    )
    recipe: str = option(
        "keiryo",
        "Training recipe: keiryo; long (taken for 60 epochs or more); plain (Adam with its "
        "defaults); or reported (plain with all defaults of Keras 2.7). Several, separated by "
        "commas, are compared.",
        shown="keiryo, or long",
        group=TRAINING,
    )
    learning_rate: float | None = option(
        None,
        "Peak learning rate, instead of the recipe's.",
        gt=0,
        lt=float("inf"),
        group=TRAINING,
    )
    augment: str | None = option(
        None,
        "Changes to the recipe's augmentation, such as rotation=15,cutout=0.25,mixup=0.2 (rotation "
        "in degrees, cutout as a share of the side); none switches it off.",
        group=TRAINING,
    )
    robust: bool = option(
        False,
        "Also measure accuracy on corrupted held-out images: noise, blur, JPEG compression, "
        "brightness, shifts.",
        group=MEASURES,
    )
    class_weights: bool = option(
        False,
        "Weight the loss of an image by the rarity of its class, so that all classes count alike.",
        group=TRAINING,
    )
    metric: Metric = option(
        "accuracy",
        "Figure to rank by: accuracy, or balanced (accuracy of each class, averaged over classes).",
        group=MEASURES,
    )
    engine: str = option(
        TORCH,
        "Engine to compare on: onnx (ONNX Runtime), openvino or torch. Each trained network is "
        "exported for it, and latency, size, accuracy and limits are those of the exported file.",
        shown="onnx; torch if ONNX Runtime is not installed",
        metavar="NAME",
        group=MEASURES,
    )
    stop_early: bool = option(
        False,
        "Drop the worse half of the candidates, by held-out accuracy, after 1/8, 1/4 and 1/2 of "
        "their training. With four candidates: after 1/4 and 1/2. With two: after 1/2.",
        group=MEASURES,
    )
    pretrained: str | None = option(
        None,
        "Weights to start from: imagenet (those published for each model), or a file saved by "
        "keiryo, torchvision or timm. For several models: MODEL=PATH,MODEL=PATH.",
        metavar="imagenet|PATH|URL",
        group=TRAINING,
    )
    fine_tune: FineTune | None = option(
        None,
        "Layers of a pretrained network to train: head (the classifier), all, or two-stage (first "
        "the classifier, then all).",
        shown="two-stage",
        group=TRAINING,
    )
    max_latency_ms: float | None = option(
        None,
        "Recommend only models with at most this latency in milliseconds per image.",
        gt=0,
        group=LIMITS,
    )
    max_size_mb: float | None = option(
        None,
        "Recommend only models whose file has at most this many megabytes; larger ones are not "
        "trained.",
        gt=0,
        group=LIMITS,
    )
    max_params: int | None = option(
        None,
        "Recommend only models with at most this many parameters; larger ones are not trained.",
        gt=0,
        group=LIMITS,
    )
    device: DeviceName = option(
        "auto",
        "Device to train on; auto takes a GPU if there is one.",
        group=MACHINE,
    )
    threads: int = option(
        ...,
        "Number of processor threads.",
        shown="all cores",
        ge=1,
        group=MACHINE,
    )
    wait_for_quiet: float = option(
        10.0,
        "Seconds to wait at most, before latencies are measured, until other processes take little "
        "processor time.",
        ge=0,
        lt=float("inf"),
        group=MACHINE,
    )
