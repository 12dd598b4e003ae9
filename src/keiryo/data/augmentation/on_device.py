"""Augmentation of a batch with torch, on the device of its images.

The same `BatchAugmentation` gives the same images as `augment` does on the processor, except for
rounding and for the outermost pixels of a crop, which here depend on pixels beyond its edge.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from keiryo.data.augmentation.affine import MIDDLE_GRAY
from keiryo.data.augmentation.random_amounts import BatchAugmentation, Mixing
from keiryo.kernels.gpu import can_run_gpu_kernels


def augment_on_device(images: Tensor, augmentation: BatchAugmentation) -> Tensor:
    """Return an augmented copy of `images` (N, size, size, 3), uint8, on their device."""
    warps = augmentation.warps if augmentation.have_warp().any() else None
    colors = augmentation.colors if augmentation.have_colors().any() else None
    channels_first = _warp_and_recolor(images, warps, colors).permute(0, 3, 1, 2)
    if augmentation.tables is not None and augmentation.have_table().any():
        channels_first = _replace(channels_first, augmentation.tables)
    result = channels_first.permute(0, 2, 3, 1)
    if augmentation.cutouts is not None:
        result = result.masked_fill(_mask_boxes(augmentation.cutouts, result), int(MIDDLE_GRAY))
    if augmentation.mixing is not None:
        result = _mix(result, augmentation.mixing)
    return result.contiguous()


def _warp_and_recolor(
    images: Tensor, warps: np.ndarray | None, colors: np.ndarray | None
) -> Tensor:
    if images.is_cuda and can_run_gpu_kernels():
        from keiryo.kernels.augmentation_gpu import warp_and_recolor

        given = (warps, colors)
        return warp_and_recolor(
            images, *(None if maps is None else _to_device(maps, images) for maps in given)
        )
    channels_first = images.permute(0, 3, 1, 2)
    if warps is not None:
        channels_first = _warp(channels_first, warps)
    if colors is not None:
        channels_first = _recolor(channels_first, colors)
    return channels_first.permute(0, 2, 3, 1)


def _warp(images: Tensor, warps: np.ndarray) -> Tensor:
    size = images.shape[-1]
    # (N, 2, 3) -> six of (N, 1, 1). A matrix product might be computed in less than float32,
    # which is not precise enough for pixel positions.
    (xx, xy, x0), (yx, yy, y0) = _to_device(warps, images).permute(1, 2, 0)[..., None, None]
    new_x = torch.arange(size, device=images.device, dtype=torch.float32)
    new_y = new_x[:, None]
    old = torch.stack((xx * new_x + xy * new_y + x0, yx * new_x + yy * new_y + y0), dim=-1)
    # With align_corners, -1 and 1 are the centres of the outermost pixels, and reflection is about
    # these centres, as with OpenCV's BORDER_REFLECT_101.
    grid = old * (2.0 / max(size - 1, 1)) - 1.0
    warped = functional.grid_sample(
        images.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=True
    )
    return _as_bytes(warped)


def _recolor(images: Tensor, colors: np.ndarray) -> Tensor:
    maps = _to_device(colors, images)[..., None, None]  # (N, new channels, 4, 1, 1)
    values = images.float()
    result = maps[:, :, 3].expand(-1, -1, *images.shape[2:])
    for channel in range(3):
        result = torch.addcmul(result, maps[:, :, channel], values[:, channel : channel + 1])
    return _as_bytes(result)


def _replace(images: Tensor, tables: np.ndarray) -> Tensor:
    on_device = torch.from_numpy(tables).to(images.device, non_blocking=True)
    return on_device.gather(1, images.flatten(1).long()).view(images.shape)


def _mix(images: Tensor, mixing: Mixing) -> Tensor:
    partners = images[torch.from_numpy(mixing.partners).to(images.device, non_blocking=True)]
    opacities = _to_device(mixing.opacities, images)[:, None, None, None]
    blended = _as_bytes(images * (1.0 - opacities) + partners * opacities)
    return torch.where(_mask_boxes(mixing.boxes, images), blended, images)


def _mask_boxes(boxes: np.ndarray, images: Tensor) -> Tensor:
    """Return a mask (N, size, size, 1): true for pixels of `images` inside `boxes`."""
    # (N, 4) -> four of (N, 1, 1)
    left, top, right, bottom = _to_device(boxes, images).T[..., None, None]
    x = torch.arange(images.shape[2], device=images.device)
    y = x[:, None]
    return ((x >= left) & (x < right) & (y >= top) & (y < bottom))[..., None]


def _to_device(values: np.ndarray, images: Tensor) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(values, np.float32))
    # A copy from memory that is not pinned would wait for the steps before it.
    tensor = tensor.pin_memory() if images.is_cuda else tensor
    return tensor.to(images.device, non_blocking=True)


def _as_bytes(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)
