"""Counting on the real graph, on meta tensors that hold no data."""

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from keiryo.results import Cost

FLOAT32_BYTES = 4
# What batch norm keeps only to know how often it was called.
BOOKKEEPING_SUFFIX = "num_batches_tracked"


def count_cost(network: nn.Module, input_shape: tuple[int, ...]) -> Cost:
    """Return what `network` costs for one input of `input_shape` (C, H, W).

    The network is run once on meta tensors, so functional calls, reused modules and
    control flow count as they happen, and no memory is taken. Whatever the run
    raises is passed on: such an input does not fit the network.
    """
    weightless = copy.deepcopy(network).to("meta").eval()
    counter = FlopCounterMode(display=False)
    # Not inference mode, under which the operators would pass the counter unseen.
    with torch.no_grad(), counter:
        weightless(torch.empty(1, *input_shape, device="meta"))
    state_elements = sum(
        tensor.numel()
        for name, tensor in network.state_dict().items()
        if not name.endswith(BOOKKEEPING_SUFFIX)
    )
    return Cost(
        parameters=sum(p.numel() for p in network.parameters() if p.requires_grad),
        state_elements=state_elements,
        # torch counts a multiply-accumulate as two floating-point operations.
        macs=counter.get_total_flops() // 2,
        size_bytes=state_elements * FLOAT32_BYTES,
    )
