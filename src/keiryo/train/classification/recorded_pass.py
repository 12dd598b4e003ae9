"""The pass of a batch through a network and back, recorded on a CUDA device and replayed.

Starting the kernels of a small network one by one takes longer than running them. A recording, a
CUDA graph, starts them all at once (pytorch.org/docs, "CUDA semantics", section "CUDA Graphs").
The kernels are the same, and so is every bit.
"""

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from keiryo.data.batches.device_batches import DeviceBatch

# Libraries allocate memory and compile kernels in the first passes, which cannot be recorded.
PASSES_BEFORE_RECORDING = 3
# A recording keeps the memory of a pass to itself, beside that of passes that are not recorded.
ROOM_IN_PASSES = 2.0
# The modules of keiryo's that were recorded on a GPU with the bits of plain passes
# (tests/test_gpu.py). One that copies in its pass would end the training.
RECORDED_MODULES = frozenset(
    {
        *("AdaptiveAvgPool2d", "BasicBlock", "Bottleneck", "ConvNormActivation", "DenseBlock"),
        *("DenseLayer", "DenseNet", "DepthwiseSeparable", "FusedSequential", "InvertedResidual"),
        *("PooledNetwork", "ResNet", "Transition", "VGG"),
    }
)


@dataclass(frozen=True)
class PassFigures:
    """The mean loss of a batch and its number of images classified correctly, as tensors ()."""

    loss: Tensor
    correct: Tensor


Pass = Callable[[Tensor, DeviceBatch], PassFigures]


def can_be_recorded(network: nn.Module) -> bool:
    """Return True for keiryo's own networks of modules that were recorded before.

    Another network may take other ways through its layers in other steps, or wait for the device,
    which no recording can.
    """
    own = {type(m) for m in network.modules() if type(m).__module__.startswith("keiryo.")}
    return type(network) in own and {kind.__name__ for kind in own} <= RECORDED_MODULES


class PassRecorder:
    """Passes of one network on a CUDA device, replayed from the fourth of a kind on.

    Passes are of one kind if their inputs have the same shape and the same layers are trained.
    """

    def __init__(self, network: nn.Module) -> None:
        self._modules = list(network.modules())
        self._parameters = list(network.parameters())
        self._passes: Counter[Hashable] = Counter()
        self._recordings: dict[Hashable, _Recording] = {}

    @property
    def recordings(self) -> int:
        """The number of recordings that are kept."""
        return len(self._recordings)

    def run(self, run_pass: Pass, inputs: Tensor, batch: DeviceBatch) -> PassFigures:
        """Run `run_pass` on inputs (N, C, H, W), or replay it.

        `run_pass` must compute all gradients anew, from parameters that have none. It must use of
        `batch` only labels and weights, and of the processor nothing that differs between passes.
        The figures are valid until the next pass.
        """
        kind = self._kind(inputs, batch)
        if kind not in self._recordings:
            self._passes[kind] += 1
            if self._passes[kind] <= PASSES_BEFORE_RECORDING or not _has_room():
                return run_pass(inputs, batch)
            # Images grow during a training, so recordings of other sizes are not needed again.
            self._recordings = {
                other: recording
                for other, recording in self._recordings.items()
                if recording.inputs.shape == inputs.shape
            }
            self._recordings[kind] = _Recording(run_pass, inputs, batch, self._parameters)
        return self._recordings[kind].replay(inputs, batch)

    def _kind(self, inputs: Tensor, batch: DeviceBatch) -> Hashable:
        return (
            inputs.shape,
            batch.weights is None,
            tuple(parameter.requires_grad for parameter in self._parameters),
            tuple(module.training for module in self._modules),
        )


class _Recording:
    """A recorded pass, with the memory of its inputs, gradients and figures."""

    def __init__(
        self, run_pass: Pass, inputs: Tensor, batch: DeviceBatch, parameters: list[nn.Parameter]
    ) -> None:
        self.inputs = inputs.clone()
        self._batch = DeviceBatch(
            images=batch.images[:0],
            labels=batch.labels.clone(),
            partner_labels=_clone_if_any(batch.partner_labels),
            weights=_clone_if_any(batch.weights),
        )
        self._graph = torch.cuda.CUDAGraph()
        # Another thread reads the next images meanwhile, into memory that it allocates.
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._figures = run_pass(self.inputs, self._batch)
        self._gradients = [(p, p.grad) for p in parameters if p.grad is not None]

    def replay(self, inputs: Tensor, batch: DeviceBatch) -> PassFigures:
        self.inputs.copy_(inputs)
        for kept, given in zip(_targets(self._batch), _targets(batch), strict=True):
            kept.copy_(given)
        self._graph.replay()
        for parameter, gradient in self._gradients:
            parameter.grad = gradient
        return self._figures


def _targets(batch: DeviceBatch) -> list[Tensor]:
    given = (batch.labels, batch.partner_labels, batch.weights)
    return [tensor for tensor in given if tensor is not None]


def _clone_if_any(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.clone()


def _has_room() -> bool:
    free_bytes, _ = torch.cuda.mem_get_info()
    unused_bytes = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    return free_bytes + unused_bytes > ROOM_IN_PASSES * torch.cuda.max_memory_allocated()
