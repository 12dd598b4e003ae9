"""Normalisation layers, chosen by name so that every family can swap them."""

from typing import Literal

from torch import nn

Norm = Literal["batch", "layer", "instance", "group", "none"]


# Wu & He 2018, "Group Normalization", section 4.1: 32 groups is the default.
# Narrow layers get fewer, so that a group still averages over several channels.
LARGEST_GROUP_COUNT = 32
SMALLEST_GROUP_SIZE = 4


def normalization(kind: Norm, channels: int) -> nn.Module:
    """Return the normalisation `kind` for feature maps (N, `channels`, H, W).

    - `batch`: statistics per channel over (N, H, W) (Ioffe & Szegedy 2015).
    - `layer`: per image over (C, H, W) (Ba et al. 2016).
    - `instance`: per image and channel over (H, W) (Ulyanov et al. 2016).
    - `group`: per image over (C / groups, H, W) (Wu & He 2018).
    - `none`: the identity.

    Every kind but `none` has a learned scale and shift per channel.
    """
    match kind:
        case "batch":
            return nn.BatchNorm2d(channels)
        case "layer":
            return nn.GroupNorm(1, channels)
        case "instance":
            return nn.InstanceNorm2d(channels, affine=True)
        case "group":
            return nn.GroupNorm(_group_count(channels), channels)
        case "none":
            return nn.Identity()


def _group_count(channels: int) -> int:
    most = max(1, min(LARGEST_GROUP_COUNT, channels // SMALLEST_GROUP_SIZE))
    return max(count for count in range(1, most + 1) if channels % count == 0)
