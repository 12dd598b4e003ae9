"""The watching of training steps, layer by layer.

Only some steps are watched, so the cost is small; the others run without hooks. Watching changes
no computed value.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from keiryo.records.training import LayerSnapshot, Snapshot

# The first steps, where most faults begin; then every so many steps.
EARLY_STEPS = (0, 5, 10)
WATCH_INTERVAL = 40
# A long training is watched ever more rarely, so that its record stays small.
MOST_SNAPSHOTS = 96
SAMPLED_ELEMENTS = 20_000
# Enough images of a batch for a mean over all positions. Dead units need the whole batch.
SAMPLED_IMAGES = 16
SIGNIFICANT_DIGITS = 4

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
# Activations whose gradient is zero where their output is: the units that can die.
RECTIFIERS = (nn.ReLU, nn.ReLU6)
# Outputs from which on an activation hardly passes a gradient: the lower and the upper end.
FLAT_ENDS: dict[type[nn.Module], tuple[float, float]] = {
    nn.ReLU6: (-math.inf, 6.0),
    nn.Hardtanh: (-1.0, 1.0),
    nn.Tanh: (-0.97, 0.97),
    nn.Sigmoid: (0.03, 0.97),
}


def is_watched(step: int, snapshots: list[Snapshot]) -> bool:
    """Return whether step `step` of the training, from 0, is watched."""
    interval = WATCH_INTERVAL * _thinning_factor(snapshots)
    return step % interval == 0 or step in EARLY_STEPS


def thin_out(snapshots: list[Snapshot]) -> None:
    """Remove every second snapshot if there are too many."""
    if len(snapshots) > MOST_SNAPSHOTS:
        interval = 2 * WATCH_INTERVAL * _thinning_factor(snapshots)
        snapshots[:] = [kept for kept in snapshots if kept.step % interval == 0]


def _thinning_factor(snapshots: list[Snapshot]) -> int:
    """Return the interval between kept steps as a multiple of WATCH_INTERVAL."""
    regular = [kept.step for kept in snapshots if kept.step % WATCH_INTERVAL == 0]
    gaps = [after - before for before, after in pairwise(regular)]
    return max(1, min(gaps, default=WATCH_INTERVAL) // WATCH_INTERVAL)


class StepWatch:
    """The recording of one step of `network`: forward, backward and update, in this order."""

    def __init__(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self._network = network
        self._optimizer = optimizer
        self._layers: dict[str, LayerSnapshot] = {}
        self._figures: dict[str, dict[str, Tensor]] = {}
        self._weights: dict[str, nn.Parameter] = {}
        self._before: dict[str, Tensor] = {}
        self._gradient_norm = torch.tensor(0.0)

    @contextmanager
    def during_forward(self) -> Iterator[None]:
        """Record the outputs of each layer that runs in this block.

        Batch norms get no hooks, which would keep them from running in one step with their
        activations. Their statistics before and after the block are compared instead.
        """
        hooks = list(self._add_hooks())
        norms = {
            name: module
            for name, module in self._network.named_modules()
            if isinstance(module, BATCH_NORMS) and module.training and module.track_running_stats
        }
        before = {name: _running_statistics(norm) for name, norm in norms.items()}
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
        for name, norm in norms.items():
            self._compare_statistics(name, norm, *before[name])

    def after_backward(self) -> None:
        """Record the gradients before clipping, and the weights before the step."""
        gradients = [p.grad for p in self._network.parameters() if p.grad is not None]
        self._gradient_norm = nn.utils.get_total_norm(gradients)
        for name, weight in self._weights.items():
            if weight.grad is not None:
                self._figures[name]["weight_norm"] = weight.detach().norm()
                self._figures[name]["gradient_norm"] = weight.grad.norm()
                self._before[name] = _sample(weight).clone()

    def after_step(
        self, *, epoch: int, step: int, loss: Tensor, learning_rate: float, batch: int
    ) -> Snapshot:
        """Return the snapshot of the step; `epoch` from 1, `step` from 0, `batch` in images."""
        for name, before in self._before.items():
            change = (_sample(self._weights[name]) - before).norm()
            self._figures[name]["update_ratio"] = change / before.norm().clamp(min=1e-30)
        return Snapshot(
            epoch=epoch,
            step=step,
            loss=_round(float(loss.detach())),
            learning_rate=_round(learning_rate),
            gradient_norm=_round(float(self._gradient_norm)),
            noise_scale=gradient_noise_scale(self._optimizer, batch),
            layers=[
                self._layers[name].model_copy(
                    update={key: _round(float(v)) for key, v in self._figures[name].items()}
                )
                for name, _ in self._network.named_modules()
                if name in self._layers
            ],
        )

    def _add_hooks(self) -> Iterator[RemovableHandle]:
        for name, module in self._network.named_modules():
            if isinstance(module, RECTIFIERS) or type(module) in FLAT_ENDS:
                yield module.register_forward_hook(partial(self._after_activation, name))
            elif isinstance(weight := getattr(module, "weight", None), nn.Parameter) and (
                weight.ndim > 1 and not any(module.children())
            ):
                yield module.register_forward_hook(partial(self._after_weights, name))

    def _figures_of(self, name: str, kind: str) -> dict[str, Tensor]:
        self._layers.setdefault(name, LayerSnapshot.model_validate({"layer": name, "kind": kind}))
        return self._figures.setdefault(name, {})

    @torch.no_grad()
    def _after_weights(self, name: str, module: nn.Module, _: object, output: object) -> None:
        figures = self._figures_of(name, "weights")
        self._weights[name] = module.get_parameter("weight")
        if isinstance(output, Tensor):
            some = output.detach()[:SAMPLED_IMAGES]
            figures["activation_rms"] = some.float().norm() / some.numel() ** 0.5

    @torch.no_grad()
    def _after_activation(self, name: str, module: nn.Module, _: object, output: Tensor) -> None:
        figures = self._figures_of(name, "activation")
        output = output.detach()
        if isinstance(module, RECTIFIERS) and output.ndim > 1:
            others = [axis for axis in range(output.ndim) if axis != 1]
            # PyTorch's maximum of bfloat16 takes six times as long as that of float32.
            figures["dead_share"] = (output.float().amax(others) <= 0).float().mean()
        if type(module) in FLAT_ENDS:
            below, above = FLAT_ENDS[type(module)]
            some = output[:SAMPLED_IMAGES]
            flat = (some >= above).count_nonzero()
            if below > -math.inf:
                flat += (some <= below).count_nonzero()
            figures["saturated_share"] = flat / some.numel()

    @torch.no_grad()
    def _compare_statistics(
        self, name: str, norm: nn.Module, mean: Tensor, variance: Tensor
    ) -> None:
        # The change of the running statistics gives the batch's own.
        momentum = getattr(norm, "momentum", None)
        new_mean, new_variance = _running_statistics(norm)
        if not momentum or torch.equal(mean, new_mean):
            return  # the momentum is unknown, or the norm did not run
        figures = self._figures_of(name, "batch norm")
        batch_mean = mean + (new_mean - mean) / momentum
        batch_variance = (variance + (new_variance - variance) / momentum).clamp(min=1e-12)
        gap = (batch_mean - mean).square() / batch_variance
        # Without the bound, a channel that hardly varies would outweigh all others.
        figures["mean_gap"] = gap.clamp(max=1e6).mean().sqrt()
        figures["variance_ratio"] = (variance / batch_variance).median()


def _running_statistics(norm: nn.Module) -> tuple[Tensor, Tensor]:
    return norm.get_buffer("running_mean").clone(), norm.get_buffer("running_var").clone()


def gradient_noise_scale(optimizer: torch.optim.Optimizer, batch: int) -> float | None:
    """Return the simple noise scale in images, from the moments that Adam keeps.

    McCandlish et al. 2018, "An Empirical Model of Large-Batch Training", equation 2.9:
    tr(Σ) / |G|², with Σ the covariance of one image's gradient. The moments give both:
    E[v] = |G|² + tr(Σ)/B, and E[m²] = |G|² + (1 - β₁)/(1 + β₁) tr(Σ)/B, since m is an
    average over steps. This assumes that G changes little within some ten steps. Parameters of
    another optimiser are left out. None means that the optimiser keeps no such moments, or has
    made too few steps.
    """
    if "betas" not in optimizer.defaults:
        return None
    beta1, beta2 = optimizer.defaults["betas"]
    squares, means = torch.tensor(0.0), torch.tensor(0.0)
    for state in optimizer.state.values():
        if "exp_avg" not in state:
            continue
        steps = float(state["step"])
        if steps < 1 / (1 - beta1):
            return None
        moment = _sample(state["exp_avg"]) / (1 - beta1**steps)
        squares = squares + moment.square().sum()
        means = means + _sample(state["exp_avg_sq"]).sum() / (1 - beta2**steps)
    noise = float(means - squares) / (1 - (1 - beta1) / (1 + beta1))
    signal = float(means) - noise
    return _round(batch * noise / signal) if noise > 0 and signal > 0 else None


def _sample(tensor: Tensor) -> Tensor:
    """Return some elements, evenly spread over the tensor: enough for a ratio of norms."""
    flat = tensor.detach()
    # In the order of memory: reshaping channels_last itself would copy the whole tensor.
    if flat.ndim == 4 and flat.is_contiguous(memory_format=torch.channels_last):
        flat = flat.permute(0, 2, 3, 1)
    return flat.reshape(-1)[:: max(1, flat.numel() // SAMPLED_ELEMENTS)]


def _round(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
