"""The colours of all charts, distinct for colour-blind readers too (Okabe & Ito 2008)."""

TRAINING = "#8a8f98"
HELD_OUT = "#0072b2"
MODELS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
