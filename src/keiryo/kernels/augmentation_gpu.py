"""The warp and the colours of an image's augmentation on a GPU, in one pass over its bytes."""

# Triton is not installed where the types are checked.
# pyright: reportMissingImports=false, reportIndexIssue=false

import triton
import triton.language as tl
from torch import Tensor

PIXELS = 256  # of a program


def warp_and_recolor(images: Tensor, warps: Tensor | None, colors: Tensor | None) -> Tensor:
    """Return images (N, S, S, 3), uint8, warped, then recoloured.

    warps (N, 2, 3) map new pixel positions to old ones; pixels beyond the edge are reflected
    about the outermost ones. colors (N, 3, 4) map old RGB values to new ones. None: as they are.
    """
    count, size, _, _ = images.shape
    result = images.new_empty(images.shape)
    grid = (triton.cdiv(size * size, PIXELS), count)
    _warp_and_recolor[grid](
        images, images if warps is None else warps, images if colors is None else colors, result,
        size, warps is not None, colors is not None, PIXELS,
    )  # fmt: skip
    return result


@triton.jit
def _as_byte(value):
    # Halves are rounded to even, as torch.round does.
    below = tl.floor(value)
    over = value - below
    is_odd = below - 2.0 * tl.floor(below * 0.5) > 0.5
    rounded = tl.where((over > 0.5) | ((over == 0.5) & is_odd), below + 1.0, below)
    return tl.minimum(tl.maximum(rounded, 0.0), 255.0)


@triton.jit
def _reflected(position, last):
    """Return where a position lies after reflections about 0 and `last`."""
    distance = tl.abs(position)
    span = tl.maximum(last, 1.0)
    turns = tl.floor(distance / span)
    rest = distance - turns * span
    is_back = turns - 2.0 * tl.floor(turns * 0.5) > 0.5
    inside = tl.where(is_back, span - rest, rest)
    return tl.minimum(tl.maximum(inside, 0.0), last)


@triton.jit
def _blended(image, channel, size, left, top, right, bottom, across, down, exist):
    """Return a channel's values between the four pixels around each position."""
    top_left = tl.load(image + (top * size + left) * 3 + channel, mask=exist, other=0)
    top_right = tl.load(image + (top * size + right) * 3 + channel, mask=exist, other=0)
    bottom_left = tl.load(image + (bottom * size + left) * 3 + channel, mask=exist, other=0)
    bottom_right = tl.load(image + (bottom * size + right) * 3 + channel, mask=exist, other=0)
    upper = top_left.to(tl.float32) * (1.0 - across) + top_right.to(tl.float32) * across
    lower = bottom_left.to(tl.float32) * (1.0 - across) + bottom_right.to(tl.float32) * across
    return _as_byte(upper * (1.0 - down) + lower * down)


@triton.jit
def _recolored(map_of_channel, red, green, blue):
    """Return the new values of the channel whose four factors lie at `map_of_channel`."""
    value = tl.load(map_of_channel + 3) + tl.load(map_of_channel) * red
    value += tl.load(map_of_channel + 1) * green
    return _as_byte(value + tl.load(map_of_channel + 2) * blue)


@triton.jit
def _warp_and_recolor(
    images,
    warps,
    colors,
    result,
    size,
    HAS_WARP: tl.constexpr,
    HAS_COLORS: tl.constexpr,
    PIXELS: tl.constexpr,
):
    number = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    exist = pixel < size * size
    image = images + number * size * size * 3
    if HAS_WARP:
        row = (pixel // size).to(tl.float32)
        column = (pixel % size).to(tl.float32)
        warp = warps + number * 6
        last = (size - 1).to(tl.float32)
        x = tl.load(warp) * column + tl.load(warp + 1) * row + tl.load(warp + 2)
        y = tl.load(warp + 3) * column + tl.load(warp + 4) * row + tl.load(warp + 5)
        x, y = _reflected(x, last), _reflected(y, last)
        left, top = x.to(tl.int32), y.to(tl.int32)
        right, bottom = tl.minimum(left + 1, size - 1), tl.minimum(top + 1, size - 1)
        across, down = x - left.to(tl.float32), y - top.to(tl.float32)
        red = _blended(image, 0, size, left, top, right, bottom, across, down, exist)
        green = _blended(image, 1, size, left, top, right, bottom, across, down, exist)
        blue = _blended(image, 2, size, left, top, right, bottom, across, down, exist)
    else:
        red = tl.load(image + pixel * 3, mask=exist, other=0).to(tl.float32)
        green = tl.load(image + pixel * 3 + 1, mask=exist, other=0).to(tl.float32)
        blue = tl.load(image + pixel * 3 + 2, mask=exist, other=0).to(tl.float32)
    if HAS_COLORS:
        own = colors + number * 12
        new_red = _recolored(own, red, green, blue)
        new_green = _recolored(own + 4, red, green, blue)
        blue = _recolored(own + 8, red, green, blue)
        red, green = new_red, new_green
    new = result + number * size * size * 3 + pixel * 3
    tl.store(new, red.to(tl.uint8), mask=exist)
    tl.store(new + 1, green.to(tl.uint8), mask=exist)
    tl.store(new + 2, blue.to(tl.uint8), mask=exist)
