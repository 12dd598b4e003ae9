"""The built-in set `petals`: drawn flowers of five classes that differ in geometry alone.

Hue, pose, number, light, background, blur and clutter have the same random distributions in each
class, so no single pixel or colour reveals the class. An image depends on its index and the seed
alone, so images can be drawn in any number and order and on any number of threads.
"""

from collections.abc import Callable

import cv2
import numpy as np

from keiryo.data.image.facts import content_digest, facts_of_pixels
from keiryo.data.items import Item
from keiryo.data.sources.set_options import read_set_options
from keiryo.data.sources.source import FittedImage, Source
from keiryo.records.data import Fit

CLASSES = ("daisy", "dandelion", "rose", "sunflower", "tulip")
DEFAULT_COUNT = 1500
LIMITS = {"count": (10, 10_000_000), "seed": (0, 2**63)}
SUPERSAMPLING = 2
SMALLEST_CANVAS = 128
SUBPIXEL_BITS = 4
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))

Color = tuple[float, float, float]


class Petals(Source):
    """`count` images drawn from `seed`, of the five classes in turn."""

    def __init__(self, *, count: int = DEFAULT_COUNT, seed: int = 0) -> None:
        items = [
            Item(f"{CLASSES[index % len(CLASSES)]}/{index:06d}", index % len(CLASSES))
            for index in range(count)
        ]
        super().__init__(f"petals:count={count}", CLASSES, items)
        self._seed = seed

    def fingerprint(self) -> str:
        return f"petals-1:{len(self.items)}:{self._seed}"

    def read(self, index: int, size: int, fit: Fit) -> FittedImage:
        pixels = draw_image(index % len(CLASSES), size=size, seed=(self._seed, index))
        # The same flower at every size.
        content = content_digest(f"petals-1:{self._seed}:{index}".encode())
        return FittedImage(pixels, facts_of_pixels(pixels, content=content))


def open_petals(data: str) -> Petals:
    """Return the set that `data`, such as `petals:count=200,seed=1`, describes.

    Raises InputError for an option that is unknown or outside `LIMITS`.
    """
    return Petals(**read_set_options(data, LIMITS))


def draw_image(label: int, *, size: int, seed: tuple[int, ...]) -> np.ndarray:
    """Draw one image of class `label`: (size, size, 3), uint8, RGB."""
    random = np.random.default_rng(seed)
    side = max(size * SUPERSAMPLING, SMALLEST_CANVAS)
    canvas = _background(random, side)
    for _ in range(random.integers(0, 4)):
        _clutter(random, canvas)
    count = 1 if random.random() < 0.75 else int(random.integers(2, 4))
    colors = _flower_colors(random)
    for _ in range(count):
        radius = side * (random.uniform(0.32, 0.46) if count == 1 else random.uniform(0.2, 0.28))
        center = random.uniform(0.9 * radius, side - 0.9 * radius, size=2)
        FLOWERS[CLASSES[label]](random, Brush(canvas, random, center, radius), colors)
    for _ in range(random.integers(0, 2)):
        _clutter(random, canvas)
    return _photograph(random, canvas, size)


class Brush:
    """Draws shapes, given in the unit circle of a flower, onto the canvas in the flower's pose.

    The flower is rotated and tilted away from the viewer. Its colours vary a little from stroke to
    stroke.
    """

    def __init__(
        self,
        canvas: np.ndarray,
        random: np.random.Generator,
        center: np.ndarray,
        radius: float,
        *,
        turn: float | None = None,
    ) -> None:
        self._canvas = canvas
        self._random = random
        self._center = center
        self._radius = radius
        tilt = random.uniform(0.0, np.pi)
        squeeze = np.diag((1.0, random.uniform(0.78, 1.0)))
        turn = random.uniform(0, 2 * np.pi) if turn is None else turn
        self._pose = _rotation(tilt) @ squeeze @ _rotation(turn - tilt)

    def upright(self, turn: float) -> "Brush":
        """Return a brush at the same place for a flower seen from the side."""
        return Brush(self._canvas, self._random, self._center, self._radius, turn=turn)

    def polygon(self, points: np.ndarray, color: Color, *, edge: Color | None = None) -> None:
        """Fill the outline `points` (K, 2)."""
        placed = self._place(points)
        cv2.fillPoly(self._canvas, [placed], self._vary(color), cv2.LINE_AA, SUBPIXEL_BITS)
        if edge is not None:
            width = max(1, round(self._radius * 0.02))
            cv2.polylines(self._canvas, [placed], True, edge, width, cv2.LINE_AA, SUBPIXEL_BITS)

    def line(self, points: np.ndarray, color: Color, *, width: float) -> None:
        """Draw the polyline `points` (K, 2); `width` is relative to the radius."""
        cv2.polylines(
            self._canvas,
            [self._place(points)],
            False,
            self._vary(color),
            max(1, round(width * self._radius)),
            cv2.LINE_AA,
            SUBPIXEL_BITS,
        )

    def disc(self, center: tuple[float, float], radius: float, color: Color) -> None:
        """Fill a circle."""
        angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        self.polygon(_polar(angles, radius) + np.array(center), color)

    def _place(self, points: np.ndarray) -> np.ndarray:
        placed = points @ self._pose.T * self._radius + self._center
        return np.round(placed * (1 << SUBPIXEL_BITS)).astype(np.int32)

    def _vary(self, color: Color) -> Color:
        return _shade(color, self._random.uniform(0.88, 1.12))


def _daisy(random: np.random.Generator, brush: Brush, colors: list[Color]) -> None:
    """Draw long ray florets, apart at their tips, around a small disc."""
    count = int(random.integers(9, 18))
    outline = _petal(length=1.0, width=random.uniform(1.3, 1.9) / count, blunt=0.6)
    for turn in _turns(random, count):
        brush.polygon(outline @ _rotation(turn).T, colors[0], edge=_shade(colors[0], 0.7))
    brush.disc((0, 0), random.uniform(0.18, 0.27), colors[1])


def _dandelion(random: np.random.Generator, brush: Brush, colors: list[Color]) -> None:
    """Draw a pappus: a globe of fine stalks, each with a tuft at its end."""
    for turn in _turns(random, int(random.integers(34, 60))):
        reach = random.uniform(0.62, 0.95)
        stalk = np.array([(0.1, 0.0), (reach, 0.0)])
        brush.line(stalk @ _rotation(turn).T, colors[0], width=0.012)
        for spread in (-0.5, 0.0, 0.5):
            hair = np.array([(0.0, 0.0), (0.16, 0.0)]) @ _rotation(spread).T + np.array(
                (reach, 0.0)
            )
            brush.line(hair @ _rotation(turn).T, colors[0], width=0.012)
    brush.disc((0, 0), random.uniform(0.08, 0.14), colors[1])


def _rose(random: np.random.Generator, brush: Brush, colors: list[Color]) -> None:
    """Draw whorls of broad petals, each covering the one outside it."""
    turn = random.uniform(0, 2 * np.pi)
    whorls = int(random.integers(4, 6))
    for whorl in range(whorls):
        reach = 1.0 - whorl / (whorls + 0.6)
        count = max(3, 6 - whorl)
        outline = _petal(length=reach, width=0.5 * reach, blunt=0.35)
        color = _shade(colors[0], 1.05 - 0.1 * whorl)
        for petal in range(count):
            angle = turn + 2 * np.pi * petal / count + random.normal(0, 0.08)
            brush.polygon(outline @ _rotation(angle).T, color, edge=_shade(color, 0.55))
        turn += GOLDEN_ANGLE
    angles = np.linspace(0, 3.5 * np.pi, 40)
    spiral = _polar(angles + turn, 0.02 + 0.018 * angles)
    brush.line(spiral, _shade(colors[0], 0.5), width=0.03)


def _sunflower(random: np.random.Generator, brush: Brush, colors: list[Color]) -> None:
    """Draw a wide disc of seeds in a spiral, fringed by short pointed petals."""
    count = int(random.integers(16, 26))
    disc = random.uniform(0.52, 0.64)
    outline = _petal(length=1.08 - disc, width=2.6 / count, blunt=1.0)
    outline += np.array((disc - 0.08, 0.0))
    for turn in _turns(random, count):
        brush.polygon(outline @ _rotation(turn).T, colors[0], edge=_shade(colors[0], 0.7))
    brush.disc((0, 0), disc, colors[1])
    for seed in range(int(random.integers(50, 80))):
        # Vogel 1979: seed n is at the angle n times the golden angle, at a distance of sqrt(n).
        place = _polar(np.array([seed * GOLDEN_ANGLE]), disc * 0.93 * np.sqrt((seed + 0.5) / 80))
        brush.disc(tuple(place[0]), 0.028, _shade(colors[1], 0.6))


def _tulip(random: np.random.Generator, brush: Brush, colors: list[Color]) -> None:
    """Draw a cup of three lobes on a stem, seen from the side."""
    brush = brush.upright(random.normal(0, 0.35))
    green = _color(random, hue=(35, 75), saturation=(60, 200), value=(80, 170))
    stem = np.array([(0.0, 0.3), (random.uniform(-0.1, 0.1), 1.0), (0.0, 2.2)])
    brush.line(stem, green, width=0.11)
    width = random.uniform(0.46, 0.6)
    height = random.uniform(0.8, 1.0)
    side = np.array(
        [(0, 0.5), (0.6, 0.42), (1.0, 0.1), (1.02, -0.35), (0.85, -1.0), (0.35, -0.55), (0, -0.4)]
    ) * (width, height)
    lobes = (side, side * (-1, 1))
    middle = np.array([(0, 0.5), (0.42, 0.3), (0.6, -0.1), (0.42, -0.55), (0, -0.98)]) * (
        width,
        height,
    )
    for lobe in lobes:
        brush.polygon(lobe, _shade(colors[0], 0.85), edge=_shade(colors[0], 0.6))
    brush.polygon(
        np.concatenate((middle, middle[::-1] * (-1, 1))), colors[0], edge=_shade(colors[0], 0.6)
    )


FLOWERS: dict[str, Callable[[np.random.Generator, Brush, list[Color]], None]] = {
    "daisy": _daisy,
    "dandelion": _dandelion,
    "rose": _rose,
    "sunflower": _sunflower,
    "tulip": _tulip,
}


def _background(random: np.random.Generator, side: int) -> np.ndarray:
    # An enlarged coarse random image gives patches of out-of-focus colour.
    cells = int(random.integers(2, 7))
    base = np.array(_color(random, hue=(15, 130), saturation=(20, 170), value=(30, 150)))
    coarse = base + random.normal(0, random.uniform(4, 25), size=(cells, cells, 3))
    canvas = cv2.resize(
        np.clip(coarse, 0, 255).astype(np.uint8), (side, side), interpolation=cv2.INTER_CUBIC
    )
    for _ in range(random.integers(0, 10)):
        points = random.uniform(0, side, size=(2, 2)).astype(np.int32)
        shade = _shade(tuple(base), random.uniform(0.5, 1.5))
        cv2.line(canvas, points[0], points[1], shade, int(random.integers(1, 4)), cv2.LINE_AA)
    return canvas


def _clutter(random: np.random.Generator, canvas: np.ndarray) -> None:
    side = canvas.shape[0]
    radius = side * random.uniform(0.03, 0.11)
    brush = Brush(canvas, random, random.uniform(0, side, size=2), radius)
    color = _color(random, hue=(0, 180), saturation=(20, 200), value=(40, 220))
    match random.integers(0, 4):
        case 0:
            brush.polygon(_petal(length=2.4, width=random.uniform(0.2, 0.5), blunt=1.0), color)
        case 1:
            brush.disc((0, 0), 0.8, color)
        case 2:
            brush.line(random.uniform(-3, 3, size=(3, 2)), color, width=random.uniform(0.1, 0.4))
        case _:
            brush.polygon(random.uniform(-1, 1, size=(4, 2)), color)


def _photograph(random: np.random.Generator, canvas: np.ndarray, size: int) -> np.ndarray:
    """Return the canvas at its final size, with random light, focus and grain."""
    image = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    if random.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), size / 64 * random.uniform(0.3, 0.9))
    across, down = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size))
    slope = random.uniform(-0.25, 0.25, size=2)
    light = random.uniform(0.7, 1.15) + slope[0] * across + slope[1] * down
    grain = random.normal(0, random.uniform(1, 7), size=image.shape)
    return np.clip(np.round(image * light[..., None] + grain), 0, 255).astype(np.uint8)


def _flower_colors(random: np.random.Generator) -> list[Color]:
    petals = _color(random, hue=(-50, 40), saturation=(20, 230), value=(170, 250))
    heart = _color(random, hue=(0, 40), saturation=(60, 230), value=(60, 220))
    return [petals, heart]


def _color(
    random: np.random.Generator,
    *,
    hue: tuple[int, int],
    saturation: tuple[int, int],
    value: tuple[int, int],
) -> Color:
    """Draw a colour; hue is in OpenCV's half degrees, modulo 180, the others are from 0 to 255."""
    drawn = (random.integers(*hue) % 180, random.integers(*saturation), random.integers(*value))
    red, green, blue = cv2.cvtColor(np.array([[drawn]], np.uint8), cv2.COLOR_HSV2RGB)[0, 0]
    return (float(red), float(green), float(blue))


def _shade(color: Color, factor: float) -> Color:
    red, green, blue = (min(255.0, channel * factor) for channel in color)
    return (red, green, blue)


def _turns(random: np.random.Generator, count: int) -> np.ndarray:
    even = 2 * np.pi * np.arange(count) / count
    return even + random.uniform(0, 2 * np.pi) + random.normal(0, 0.25 / count, size=count)


def _petal(*, length: float, width: float, blunt: float) -> np.ndarray:
    """Return the outline (K, 2) of a petal along the x axis from the origin.

    `width` is half of its greatest breadth, which is in the middle if `blunt` is 1 and nearer to
    the tip if it is smaller.
    """
    along = np.linspace(0, 1, 14)
    breadth = width * np.sin(np.pi * along ** (1 / blunt))
    upper = np.stack((along * length, breadth), axis=1)
    return np.concatenate((upper, upper[::-1] * (1, -1)))


def _polar(angles: np.ndarray, radius: np.ndarray | float) -> np.ndarray:
    return np.stack((np.cos(angles) * radius, np.sin(angles) * radius), axis=1)


def _rotation(angle: float) -> np.ndarray:
    return np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
