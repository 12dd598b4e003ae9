"""The least time of each layer, and what bounds it.

Williams, Waterman & Patterson 2009, "Roofline: An Insightful Visual Performance Model":
a layer takes no less than its arithmetic at the machine's full rate, and no less than its
bytes at the machine's full bandwidth; the longer of the two bounds it. The time to call its
operators is added; for small layers it is the largest part.
"""

from bisect import bisect_left
from math import log

from keiryo.records.costs import Bound, DeviceProfile, LayerCost, OperatorKind, Weighing

MILLISECONDS = 1000.0
MATRIX_PRODUCTS = frozenset({"mm", "addmm", "bmm", "baddbmm", "mv", "addmv"})


def with_predicted_times(weighing: Weighing, profile: DeviceProfile) -> Weighing:
    """Return `weighing` with the least time that a machine like `profile` needs for each layer.

    The times are for one example. Layers that were not run get none. A layer's activations
    were just written by the layer before it, so they come from the cache that holds as
    much. Its weights were last read one whole inference ago, so they come from the memory
    that holds everything moved in between.
    """
    moved = sum(layer.bytes_moved for layer in weighing.layers)
    layers = [_with_time(layer, profile, moved) for layer in weighing.layers]
    total = sum(layer.predicted_ms or 0.0 for layer in layers)
    return weighing.model_copy(update={"layers": layers, "predicted_ms": total})


def _with_time(layer: LayerCost, profile: DeviceProfile, moved: int) -> LayerCost:
    operators = sum(layer.operators.values())
    if not operators:
        return layer
    activations = layer.bytes_moved - layer.weight_bytes
    arithmetic = layer.macs / profile.macs_per_second
    memory = activations / bandwidth(profile, activations / operators)
    memory += layer.weight_bytes / bandwidth(profile, moved)
    calling = sum(
        count * profile.call_seconds[kind_of(operator)]
        for operator, count in layer.operators.items()
    )
    bounds: dict[Bound, float] = {
        "arithmetic": arithmetic,
        "memory": memory,
        "calls": calling,
    }
    seconds = max(arithmetic, memory) + calling
    return layer.model_copy(
        update={
            "predicted_ms": seconds * MILLISECONDS,
            "bound": max(bounds, key=lambda bound: bounds[bound]),
        }
    )


def kind_of(operator: str) -> OperatorKind:
    """Return the kind of `operator` in a profile's `call_seconds`."""
    name = operator.rpartition(".")[2]
    if "conv" in name:
        return "convolution"
    if "norm" in name:
        return "normalisation"
    if name in MATRIX_PRODUCTS:
        return "matrix product"
    return "other"


def bandwidth(profile: DeviceProfile, touched: float) -> float:
    """Return bytes a second for an operator that touches `touched` bytes.

    Between the measured sizes it is interpolated linearly over the logarithm of the size.
    """
    sizes = [size for size, _ in profile.bandwidths]
    rates = [rate for _, rate in profile.bandwidths]
    place = bisect_left(sizes, touched)
    if place == 0:
        return rates[0]
    if place == len(sizes):
        return rates[-1]
    low, high = sizes[place - 1], sizes[place]
    share = (log(touched) - log(low)) / (log(high) - log(low))
    return rates[place - 1] + share * (rates[place] - rates[place - 1])
