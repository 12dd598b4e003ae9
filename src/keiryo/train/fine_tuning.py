"""Fine-tuning: training from pretrained weights, some layers first."""

from dataclasses import dataclass

from torch import nn

from keiryo.records.training import FineTune
from keiryo.train.recipe import Recipe, learning_rate_factor

DEFAULT_FINE_TUNE: FineTune = "two-stage"
# The features are good already: a step as large as from scratch would undo them.
PEAK_FACTOR_OF_ALL = 0.1
# The gradients of a random classifier mean nothing to the features, so it comes first.
HEAD_SHARE = 0.2


@dataclass(frozen=True)
class Stage:
    """A part of the budget, by its shares; `peak_factor` multiplies the recipe's peak rate."""

    start: float
    end: float
    head_only: bool
    peak_factor: float


STAGES: dict[FineTune, tuple[Stage, ...]] = {
    "head": (Stage(0.0, 1.0, head_only=True, peak_factor=1.0),),
    "all": (Stage(0.0, 1.0, head_only=False, peak_factor=PEAK_FACTOR_OF_ALL),),
    "two-stage": (
        Stage(0.0, HEAD_SHARE, head_only=True, peak_factor=1.0),
        Stage(HEAD_SHARE, 1.0, head_only=False, peak_factor=PEAK_FACTOR_OF_ALL),
    ),
}


class FineTuning:
    """Freezes all of `network` but the layer named `head` for as long as `mode` says.

    Mode "all" freezes nothing and can do without a head.

    What is frozen follows from the share of the budget alone, so that a training that
    continues from a checkpoint freezes the same. Make the optimiser over all
    parameters, before any is frozen: it leaves out those without a gradient.
    """

    def __init__(self, network: nn.Module, *, head: str | None, mode: FineTune) -> None:
        self._stages = STAGES[mode]
        classifier = None if head is None else network.get_submodule(head)
        own = {id(p) for p in classifier.parameters()} if classifier is not None else set()
        # Those that the network's maker froze stay frozen.
        self._features = [p for p in network.parameters() if p.requires_grad and id(p) not in own]
        self._norms = [
            layer for layer in network.modules() if getattr(layer, "running_mean", None) is not None
        ]
        self._stilled: list[nn.Module] = []

    def begin_step(self, recipe: Recipe, share: float) -> float:
        """Freeze or thaw for the step at `share`, from 0 to 1, of the budget.

        Returns what its peak learning rate is multiplied by: each stage has the
        recipe's warm-up and schedule to itself. Expects the network in training mode.
        """
        stage = next((stage for stage in self._stages if share < stage.end), self._stages[-1])
        for parameter in self._features:
            parameter.requires_grad_(not stage.head_only)
        if stage.head_only:
            # Frozen features keep their running statistics too.
            self._stilled += [norm for norm in self._norms if norm.training]
            for norm in self._norms:
                norm.eval()
        else:
            for norm in self._stilled:
                norm.train()
            self._stilled.clear()
        progress = (share - stage.start) / (stage.end - stage.start)
        return stage.peak_factor * learning_rate_factor(recipe, progress)
