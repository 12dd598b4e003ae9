"""Options of `keiryo wavenet`. None means: not given."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Condition = Annotated[
    str | None,
    typer.Option(
        metavar="PATTERN",
        help="What recordings are labelled by: named groups of a pattern that their files' names "
        r"match, as (?P<digit>\d)_(?P<speaker>[a-z]+)_.",
    ),
]
Rate = Annotated[
    int | None,
    typer.Option(help="Samples a second.", show_default="that of most recordings"),
]
TrimDb = Annotated[
    float | None,
    typer.Option(
        "--trim-db",
        help="Cut off both ends what is so many decibels below the loudest sample; 0: nothing.",
        show_default="60",
    ),
]
Normalize = Annotated[
    bool, typer.Option("--normalize", help="Make all recordings as loud as full scale.")
]
Stacks = Annotated[
    int | None,
    typer.Option(help="How often dilations begin again at 1.", show_default="2"),
]
Layers = Annotated[
    int | None,
    typer.Option(
        help="Layers of a stack, each with twice the dilation of the one before.",
        show_default="as many as hear 0.12 s",
    ),
]
Kernel = Annotated[int | None, typer.Option(help="Taps of each convolution.", show_default="2")]
Residual = Annotated[
    int | None, typer.Option(help="Channels from layer to layer.", show_default="32")
]
Skip = Annotated[
    int | None, typer.Option(help="Channels from layers to the output.", show_default="64")
]
Output = Annotated[
    Literal["softmax", "logistics"] | None,
    typer.Option(
        help="How a sample is distributed: a softmax over 256 codes, or a mixture of logistics.",
        show_default="softmax",
    ),
]
NoDilation = Annotated[
    bool,
    typer.Option("--no-dilation", help="Ordinary convolutions, to compare with."),
]
Epochs = Annotated[
    int | None, typer.Option(help="Passes over the training recordings.", show_default="10")
]
Minutes = Annotated[float | None, typer.Option(help="Wall time instead of a number of epochs.")]
Batch = Annotated[int | None, typer.Option(help="Chunks a step.", show_default="4")]
Samples = Annotated[
    int | None,
    typer.Option(
        help="How long a chunk of a recording is.",
        show_default="twice the receptive field, 2000 at least",
    ),
]
Optimizer = Annotated[
    Literal["adam", "adamw"] | None,
    typer.Option(help="adamw lets weights decay.", show_default="adamw"),
]
LearningRate = Annotated[
    float | None,
    typer.Option("--learning-rate", help="The highest.", show_default="0.005"),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the training in --out.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is in --out.")]
Model = Annotated[
    Path, typer.Argument(metavar="OUT", help="The --out of a training, or a model.safetensors.")
]
Weights = Annotated[
    Literal["float32", "int8"],
    typer.Option(help="int8: rounded, which is faster and not quite the same."),
]
