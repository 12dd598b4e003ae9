"""Fine-tuning: training from pretrained weights, with some layers frozen for a time."""

from dataclasses import dataclass

from torch import nn

from keiryo.records.training import FineTune
from keiryo.train.recipe import Recipe, learning_rate_factor

DEFAULT_FINE_TUNE: FineTune = "two-stage"
# Steps as large as those from scratch would spoil the pretrained features.
PEAK_FACTOR_OF_ALL = 0.1
# The classifier is trained first, since a random one has gradients that harm the features.
HEAD_SHARE = 0.2


@dataclass(frozen=True)
class Stage:
    """A stage from share `start` to share `end` of the budget, both from 0 to 1.

    `peak_factor` multiplies the recipe's peak learning rate.
    """

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
    """The freezing of all layers of `network` but the one named `head`, in the stages of `mode`.

    Mode "all" freezes nothing and needs no head.

    The frozen layers depend on the share of the budget alone, so a resumed training freezes the
    same ones. Make the optimiser before any layer is frozen: it takes only parameters that
    require a gradient.
    """

    def __init__(self, network: nn.Module, *, head: str | None, mode: FineTune) -> None:
        self._stages = STAGES[mode]
        classifier = None if head is None else network.get_submodule(head)
        own = {id(p) for p in classifier.parameters()} if classifier is not None else set()
        # Parameters that were frozen before stay frozen.
        self._features = [p for p in network.parameters() if p.requires_grad and id(p) not in own]
        self._norms = [
            layer for layer in network.modules() if getattr(layer, "running_mean", None) is not None
        ]
        self._frozen_norms: list[nn.Module] = []

    def begin_step(self, recipe: Recipe, share: float) -> float:
        """Freeze or unfreeze layers for the step at `share`, from 0 to 1, of the budget.

        Returns the factor of the recipe's peak learning rate; each stage has a warm-up and
        schedule of its own. The network must be in training mode.
        """
        stage = next((stage for stage in self._stages if share < stage.end), self._stages[-1])
        for parameter in self._features:
            parameter.requires_grad_(not stage.head_only)
        if stage.head_only:
            # Frozen features also keep their running statistics.
            self._frozen_norms += [norm for norm in self._norms if norm.training]
            for norm in self._norms:
                norm.eval()
        else:
            for norm in self._frozen_norms:
                norm.train()
            self._frozen_norms.clear()
        progress = (share - stage.start) / (stage.end - stage.start)
        return stage.peak_factor * learning_rate_factor(recipe, progress)
