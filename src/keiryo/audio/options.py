"""The options of `keiryo wavenet train` and `keiryo.train_wavenet`, each declared once.

A new option is a field here; `make options` writes it into `typed_options.py`. Importing this file
loads neither torch nor numpy.
"""

import math
from typing import Literal

from keiryo.plan_option import option
from keiryo.records.base import Record
from keiryo.records.training import DeviceName

# The sections of the help.
RECORDINGS = "Recordings"
NETWORK = "Network"
TRAINING = "Training"
MACHINE = "Seed and machine"


class WaveNetOptions(Record):
    """The options of a WaveNet's training, without its recordings."""

    condition: str | None = option(
        None,
        "Regular expression for the recordings' file names or, if it does not match these, for "
        "their paths below DATA. Its named groups are the conditions, for example digit and "
        r"speaker in (?P<digit>\d)_(?P<speaker>[a-z]+)_, or word in (?P<word>\w+)/.",
        metavar="PATTERN",
        group=RECORDINGS,
    )
    hold_out: str | None = option(
        None,
        "Regular expression for the recordings' names, folders included: those that match are held "
        "out, for example theo, to measure on a speaker that was not trained on.",
        metavar="PATTERN",
        shown="a fifth of each combination of conditions",
        group=RECORDINGS,
    )
    rate: int | None = option(
        None,
        "Sampling rate in Hz; others are resampled.",
        shown="that of most recordings",
        group=RECORDINGS,
    )
    trim_db: float = option(
        60.0,
        "Cut off both ends where they are this many decibels below the loudest sample; 0 cuts "
        "nothing.",
        shown="60",
        group=RECORDINGS,
    )
    normalize: bool = option(
        False, "Scale each recording so that its loudest sample is at full scale.", group=RECORDINGS
    )
    stacks: int = option(
        2,
        "Number of stacks of layers. The dilations of each are 1, 2, 4 and so on.",
        ge=1,
        le=20,
        group=NETWORK,
    )
    layers: int | None = option(
        None,
        "Number of layers in a stack; each has twice the dilation of the one before.",
        shown="for a receptive field of 0.12 s",
        ge=1,
        le=16,
        group=NETWORK,
    )
    kernel: int = option(2, "Kernel size of each convolution.", ge=2, le=16, group=NETWORK)
    residual: int = option(32, "Number of residual channels.", ge=1, le=4096, group=NETWORK)
    skip: int = option(64, "Number of skip channels.", ge=1, le=4096, group=NETWORK)
    output: Literal["softmax", "logistics"] = option(
        "softmax",
        "Predicted distribution of a sample: softmax over 256 mu-law codes, or a mixture of "
        "logistics.",
        group=NETWORK,
    )
    is_dilated: bool = option(
        True,
        "Use ordinary causal convolutions instead of dilated ones, to compare them.",
        flag="--no-dilation",
        group=NETWORK,
    )
    epochs: int | None = option(
        None,
        "Passes over the training recordings. With --resume, a larger number continues a training "
        "that has ended.",
        shown="10",
        ge=1,
        group=TRAINING,
    )
    minutes: float | None = option(
        None,
        "Minutes for training, evaluation and sounds, instead of --epochs; decoding comes before. "
        "With --resume, a larger number continues a training that has ended.",
        gt=0,
        lt=math.inf,
        group=TRAINING,
    )
    batch: int = option(4, "Number of chunks per step.", ge=1, group=TRAINING)
    samples: int | None = option(
        None,
        "Length in samples of a chunk, the piece of a recording that is one training example.",
        shown="twice the receptive field, 2000 at least",
        ge=1,
        group=TRAINING,
    )
    optimizer: Literal["adam", "adamw"] = option(
        "adamw", "Optimiser; adamw has a weight decay of 0.01.", group=TRAINING
    )
    learning_rate: float = option(5e-3, "Peak learning rate.", gt=0, lt=math.inf, group=TRAINING)
    seed: int = option(
        0,
        "Random seed of the split, the initial weights and the order of chunks.",
        ge=0,
        group=MACHINE,
    )
    device: DeviceName = option(
        "auto", "Device to train on; auto takes a GPU if there is one.", group=MACHINE
    )
    threads: int = option(
        ..., "Number of processor threads.", shown="all cores", ge=1, group=MACHINE
    )
