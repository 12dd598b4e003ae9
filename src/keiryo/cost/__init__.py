"""The cost of a module before it runs.

This room weighs any `nn.Module`; it must never know keiryo's own families. Two
independent ways lead to each figure: closed formulas from hyperparameters and the
input's shape (`formulas`, `layers`), and a count of the operators that really run, on
meta tensors (`operators`, `trace`). `weigh` holds one against the other. What is
counted is said in `convention`.
"""

from keiryo.cost.convention import CONVENTION
from keiryo.cost.weighing import weigh

__all__ = ["CONVENTION", "weigh"]
