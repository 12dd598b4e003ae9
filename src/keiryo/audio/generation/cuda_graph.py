"""Generation on a GPU: a step is recorded as a CUDA graph and replayed for each sample.

A step is about 400 small operators, and launching each takes longer than computing it; a graph
launches them all at once (pytorch.org/docs, "CUDA semantics", section "CUDA Graphs"). It is
worth it for many streams at a time.
"""

import torch

from keiryo.audio.generation.buffered import BufferedStepper
from keiryo.errors import InputError

WARM_UP_STEPS = 3


class CudaGraphStepper(BufferedStepper):
    """Streams of samples from a network that is on a CUDA device.

    Arguments are those of `BufferedStepper`, and so are the samples, bit by bit. Raises InputError
    on any other device.
    """

    _graph: torch.cuda.CUDAGraph | None = None

    def _run(self, steps: int) -> None:
        if self._device.type != "cuda":
            raise InputError(f"a CUDA graph needs a network on a CUDA device, not {self._device}")
        if self._graph is None:
            self._graph = self._record_graph()
        for _ in range(steps):
            self._graph.replay()

    def _record_graph(self) -> torch.cuda.CUDAGraph:
        """Record one step, and restore the state from before it."""
        changing = [self._slots, self._history, self._samples, self._step_number, *self._rings]
        before = [tensor.clone() for tensor in changing]

        def restore() -> None:
            for tensor, old in zip(changing, before, strict=True):
                tensor.copy_(old)

        # The first steps must not be recorded: libraries allocate memory in them.
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(min(WARM_UP_STEPS, self._most_steps)):
                self._step()
        torch.cuda.current_stream().wait_stream(stream)
        restore()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step()
        restore()
        return graph
