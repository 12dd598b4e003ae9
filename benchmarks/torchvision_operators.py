"""torchvision beside a build of PyTorch that it was not built for."""

import torch

TORCHVISION_OPERATORS = (
    "nms",
    "qnms",
    "roi_align",
    "_roi_align_backward",
    "qroi_align",
    "roi_pool",
    "_roi_pool_backward",
    "ps_roi_align",
    "_ps_roi_align_backward",
    "ps_roi_pool",
    "_ps_roi_pool_backward",
    "deform_conv2d",
    "_deform_conv2d_backward",
)


def declare_torchvision_operators() -> None:
    """Let torchvision be imported: on import it registers shapes for operators of its own.

    That needs no more than their names; the compiled operators are not loaded.
    """
    global torchvision_library
    torchvision_library = torch.library.Library("torchvision", "DEF")
    for name in TORCHVISION_OPERATORS:
        torchvision_library.define(f"{name}(Tensor input) -> Tensor")
