"""The colours of all charts, distinct for colour-blind readers too (Okabe & Ito 2008)."""

TRAINING = "#8a8f98"
HELD_OUT = "#0072b2"
MODELS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
# Colours of the kinds of layers: strong ones for layers with most of the weights.
KINDS = {
    "convolution": "#0072b2",
    "depthwise convolution": "#56b4e9",
    "pointwise convolution": "#009e73",
    "linear": "#d55e00",
    "attention": "#cc79a7",
    "recurrent": "#cc79a7",
    "normalisation": "#e69f00",
    "other": "#9aa0a6",
}
