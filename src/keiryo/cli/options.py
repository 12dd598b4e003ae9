"""Options that several commands share. None means: not given."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Epochs = Annotated[
    int | None, typer.Option(min=1, help="Passes over the training images.", show_default="30")
]
Minutes = Annotated[
    float | None,
    typer.Option(min=0.01, help="Wall time for each model instead of a number of epochs."),
]
Size = Annotated[
    int | None,
    typer.Option(min=8, max=4096, help="Side of the square images.", show_default="224"),
]
Fitting = Annotated[
    Literal["crop", "letterbox", "stretch"] | None,
    typer.Option(
        "--fit",
        help="How an image becomes a square: by its middle, between grey bars, or squeezed.",
        show_default="crop",
    ),
]
Batch = Annotated[int | None, typer.Option(min=1, help="Images a step.", show_default="128")]
SaveMemory = Annotated[
    bool,
    typer.Option(
        "--save-memory",
        help="Work out again what is cheap to, instead of keeping it for the backward pass: a "
        "fifth to a third less memory, some 10 % more time, the same bits.",
    ),
]
Precision = Annotated[
    Literal["auto", "float32", "bfloat16"] | None,
    typer.Option(
        help="Of a training: bfloat16 keeps weights in float32 and all that lies between layers "
        "in half the memory; auto takes it where the device computes faster in it.",
        show_default="auto",
    ),
]
Accumulate = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Send each batch through the network in so many parts, one after the other. Batch "
        "norm's statistics are then those of a part.",
        show_default="1",
    ),
]
Seeds = Annotated[
    int | None, typer.Option(min=1, help="How often each model is trained.", show_default="1")
]
Folds = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=5,
        help="How many fifths are held out in turn; with 5, each image is held out once.",
        show_default="1",
    ),
]
Robust = Annotated[
    bool,
    typer.Option(
        "--robust", help="Also measure accuracy under noise, blur, JPEG, brightness and shifts."
    ),
]
StopEarly = Annotated[
    bool,
    typer.Option(
        "--stop-early",
        help="Drop the worse half of the candidates, on held-out images, after an eighth, a "
        "quarter and a half of their training (with four, a quarter and a half; with two, a half).",
    ),
]
Seed = Annotated[
    int | None, typer.Option(min=0, help="What every random choice hangs on.", show_default="0")
]
Recipe = Annotated[
    str | None,
    typer.Option(
        help="How to train: keiryo, long (for some sixty epochs and more), plain (Adam at its "
        "defaults), or reported (as Keras 2.7 did in the course's experiment); several, separated "
        "by commas, are compared.",
        show_default="keiryo",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        help="course: the course's experiment as reported, and as keiryo does it, side by side."
    ),
]
LearningRate = Annotated[
    float | None,
    typer.Option("--learning-rate", help="The highest, in place of the recipe's."),
]
Augment = Annotated[
    str | None,
    typer.Option(
        help="Change how far the recipe varies images: rotation=15,cutout=0.25,mixup=0.2 and "
        "so on, or none.",
    ),
]
Pretrained = Annotated[
    str | None,
    typer.Option(
        metavar="PATH|URL",
        help="Begin with these weights instead of random ones: keiryo's, torchvision's or timm's; "
        "MODEL=PATH,MODEL=PATH where there are several models.",
    ),
]
FineTune = Annotated[
    Literal["head", "all", "two-stage"] | None,
    typer.Option(
        help="What to train of a pretrained network: its classifier, everything, or one after "
        "the other.",
        show_default="two-stage",
    ),
]
MaxLatency = Annotated[
    float | None, typer.Option("--max-latency-ms", help="Recommend no model that is slower.")
]
MaxSize = Annotated[
    float | None, typer.Option("--max-size-mb", help="Recommend no model that is larger on disk.")
]
MaxParams = Annotated[
    int | None, typer.Option("--max-params", help="Recommend no model with more parameters.")
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.", show_default="auto")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Processor threads.", show_default="all cores")
]
Out = Annotated[Path, typer.Option(help="Folder for everything that is written.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the comparison in --out.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the comparison in --out.")]
Log = Annotated[
    str | None,
    typer.Option("--log", help="Log each trial to tensorboard, mlflow, or both with a comma."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]
