"""The classes of the style sheet that colour charts."""

# As many colours as colour-blind readers too can tell from each other (Okabe & Ito 2008); with
# more series, the colours repeat.
SERIES = tuple(f"s{number}" for number in range(7))
TRAINING = "training dashed"
HELD_OUT = "held-out"
BASELINE = "baseline"
# Strong colours for the kinds of layers with most of the weights.
KINDS = {
    "convolution": "s0",
    "depthwise convolution": "s5",
    "pointwise convolution": "s2",
    "linear": "s1",
    "attention": "s3",
    "recurrent": "s3",
    "normalisation": "s4",
    "other": "other",
}


def series(number: int) -> str:
    """Return the style of the series `number`, from 0."""
    return SERIES[number % len(SERIES)]
