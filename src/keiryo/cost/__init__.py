"""The cost of a module before it runs.

This room weighs any `nn.Module`; it must never know keiryo's own families. Each figure is
computed in two independent ways: by a closed formula from hyperparameters and the input's
shape (`formulas`, `layers`), and by counting the operators that really run, on meta tensors
(`operators`, `trace`). `weigh` compares the two. `convention` defines what is counted.
"""

from keiryo.cost.convention import CONVENTION
from keiryo.cost.weighing import weigh

__all__ = ["CONVENTION", "weigh"]
