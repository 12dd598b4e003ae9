"""States by the names of published networks, filled as `benchmarks/pretrained_agreement.py` does.

`published/` holds what it recorded of torchvision's and timm's own networks: what their
states are made of, and their first logits with those numbers.
"""

import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

RECORDS = Path(__file__).parent / "published"
LARGEST_FILLED = 1 << 24


def recorded(name: str, *, values: bool = True) -> tuple[str, list[float], dict[str, Tensor]]:
    """Return keiryo's name of the network, its first logits, and its state.

    Without `values`, all of it is zero, and takes no time.
    """
    fill = filled if values else lambda _, shape: torch.zeros(()).expand(shape)
    head, *lines = (RECORDS / f"{name}.txt").read_text().splitlines()
    _, spec, *logits = head.split()
    state: dict[str, Tensor] = {}
    for line in lines:
        module, kind, sides = line.split()
        shape = tuple(map(int, sides.split("x")))
        state[f"{module}.weight"] = fill(f"{module}.weight", shape)
        if kind != "plain":
            state[f"{module}.bias"] = fill(f"{module}.bias", shape[:1])
        if kind == "norm":
            for tensor in ("running_mean", "running_var"):
                state[f"{module}.{tensor}"] = fill(f"{module}.{tensor}", shape)
            state[f"{module}.num_batches_tracked"] = torch.tensor(1)
    return spec, [float(logit) for logit in logits], state


def filled(name: str, shape: tuple[int, ...]) -> Tensor:
    random = np.random.RandomState(zlib.crc32(name.encode()))
    if len(shape) == 1:
        values = 0.1 * random.standard_normal(shape)
        values = 1 + values if name.endswith((".weight", "running_var")) else values
    elif np.prod(shape) > LARGEST_FILLED:
        inputs = np.prod(shape[1:])
        row = random.standard_normal(shape[1:]) / np.sqrt(inputs) + 16 / inputs
        return torch.from_numpy(row.astype(np.float32)).expand(shape)
    else:
        values = random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    return torch.from_numpy(values.astype(np.float32))


def image() -> Tensor:
    values = np.random.RandomState(0).standard_normal((1, 3, 224, 224))
    return torch.from_numpy(values.astype(np.float32))
