"""torchvision beside a build of PyTorch that it was not built for.

Its compiled operators cannot be loaded there. Those that its networks call are declared here as it
declares them, and computed by PyTorch's own operators, slowly.
"""

import importlib
import sys
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

_REGIONS = (
    "Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width"
)
SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "roi_align": f"({_REGIONS}, int sampling_ratio, bool aligned) -> Tensor",
    "roi_pool": f"({_REGIONS}) -> (Tensor, Tensor)",
    "ps_roi_align": f"({_REGIONS}, int sampling_ratio) -> (Tensor, Tensor)",
    "ps_roi_pool": f"({_REGIONS}) -> (Tensor, Tensor)",
    "deform_conv2d": "(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, "
    "SymInt stride_h, SymInt stride_w, SymInt pad_h, SymInt pad_w, SymInt dilation_h, "
    "SymInt dilation_w, SymInt groups, SymInt offset_groups, bool use_mask) -> Tensor",
}
# Only their names are needed: torchvision registers shapes for them when it is imported.
OTHER_OPERATORS = (
    *("qnms", "qroi_align", "_roi_align_backward", "_roi_pool_backward"),
    *("_ps_roi_align_backward", "_ps_roi_pool_backward", "_deform_conv2d_backward"),
)


def declare_torchvision_operators() -> None:
    """Let torchvision be imported, and its detection networks be run on the processor."""
    global torchvision_library
    torchvision_library = torch.library.Library("torchvision", "DEF")
    for name, schema in SCHEMAS.items():
        torchvision_library.define(f"{name}{schema}")
    for name in OTHER_OPERATORS:
        torchvision_library.define(f"{name}(Tensor input) -> Tensor")
    kernels: dict[str, Callable[..., Tensor]] = {
        "nms": suppress,
        "roi_align": align_regions,
        "deform_conv2d": convolve_deformably,
    }
    for name, kernel in kernels.items():
        torchvision_library.impl(name, kernel, "CPU")
    importlib.import_module("torchvision")
    for name, module in list(sys.modules.items()):
        if name.startswith("torchvision.") and hasattr(module, "_has_ops"):
            vars(module)["_has_ops"] = lambda: True  # its functions ask whether theirs were loaded


def suppress(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Return the indices of the boxes (N, 4) that overlap no better one by more than `threshold`.

    The best come first. Overlap is the intersection over the union.
    """
    order = scores.argsort(descending=True, stable=True)
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0)
    areas = sides.prod(dim=1)
    kept: list[int] = []
    while order.numel():
        best, others = order[0], order[1:]
        kept.append(int(best))
        low = torch.maximum(boxes[best, :2], boxes[others, :2])
        high = torch.minimum(boxes[best, 2:], boxes[others, 2:])
        shared = (high - low).clamp(min=0).prod(dim=1)
        order = others[shared <= threshold * (areas[best] + areas[others] - shared)]
    return torch.tensor(kept, dtype=torch.int64)


def align_regions(
    source: Tensor,
    regions: Tensor,
    scale: float,
    height: int,
    width: int,
    ratio: int,
    aligned: bool,
) -> Tensor:
    """Return (K, C, height, width): means of samples of `source` (N, C, H, W) in K `regions`.

    A region is (image, x1, y1, x2, y2) (He et al. 2017, "Mask R-CNN", section 3). With a `ratio` of
    0 or less there is about one sample for each position of `source`.
    """
    results = [source.new_zeros(0, source.shape[1], height, width)]
    for region in regions:
        left, top, right, bottom = (region[1:] * scale - 0.5 * aligned).tolist()
        across, down = right - left, bottom - top
        if not aligned:
            across, down = max(across, 1.0), max(down, 1.0)
        rows = ratio if ratio > 0 else max(1, -int(-down // height))
        columns = ratio if ratio > 0 else max(1, -int(-across // width))
        y = top + (torch.arange(height * rows) + 0.5) * down / (height * rows)
        x = left + (torch.arange(width * columns) + 0.5) * across / (width * columns)
        sampled = _interpolate(source[int(region[0])], *torch.meshgrid(y, x, indexing="ij"))
        results.append(F.avg_pool2d(sampled[None], (rows, columns)))
    return torch.cat(results)


def convolve_deformably(
    source: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor,
    bias: Tensor,
    *numbers: int,
) -> Tensor:
    """Return the convolution of `source` whose taps are moved by `offset` (Dai et al. 2017).

    `numbers` are stride, padding and dilation (of both axes each), groups, groups of offsets, and
    whether `mask` weighs the taps (Zhu et al. 2019).
    """
    *geometry, groups, offset_groups, uses_mask = numbers
    (rows, columns), (height, width) = weight.shape[2:], offset.shape[2:]
    down, across, top, left, apart_down, apart_across = geometry
    batch, channels, taps = source.shape[0], source.shape[1], rows * columns
    moves = offset.view(batch, offset_groups, taps, 2, height, width)
    weights = mask.view(batch, offset_groups, taps, height, width) if uses_mask else None
    columns_of_taps = source.new_empty(batch, channels, taps, height, width)
    each = channels // offset_groups
    for image in range(batch):
        for group in range(offset_groups):
            part = slice(group * each, (group + 1) * each)
            for tap in range(taps):
                y = torch.arange(height)[:, None] * down - top + tap // columns * apart_down
                x = torch.arange(width)[None, :] * across - left + tap % columns * apart_across
                moved = moves[image, group, tap]
                value = _interpolate(source[image, part], y + moved[0], x + moved[1])
                if weights is not None:
                    value = value * weights[image, group, tap]
                columns_of_taps[image, part, tap] = value
    in_groups = columns_of_taps.view(batch, groups, -1, height * width)
    result = torch.einsum("goi,ngip->ngop", weight.view(groups, -1, in_groups.shape[2]), in_groups)
    return result.reshape(batch, -1, height, width) + bias[:, None, None]


def _interpolate(source: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Return (C, h, w): `source` (C, H, W) at the places `y` and `x` (h, w); 0 is around it."""
    height, width = source.shape[1:]
    grid = torch.stack(((2 * x + 1) / width - 1, (2 * y + 1) / height - 1), dim=-1)
    return F.grid_sample(source[None], grid[None].to(source.dtype), align_corners=False)[0]
