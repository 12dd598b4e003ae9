import pytest
from torch import nn

from keiryo.cost import weigh
from keiryo.cost.roofline import bandwidth, with_predicted_times
from keiryo.records.costs import DeviceProfile


def profile(*, macs: float = 1e9, bandwidths: list[tuple[int, float]], call: float = 0.0):
    kinds = ("convolution", "matrix product", "normalisation", "other")
    return DeviceProfile(
        processor="made up",
        device="cpu",
        threads=1,
        torch="2",
        macs_per_second=macs,
        bandwidths=bandwidths,
        call_seconds=dict.fromkeys(kinds, call),
    )


def test_the_longer_of_arithmetic_and_memory_bounds_a_layer() -> None:
    network = nn.Sequential(nn.Linear(100, 1000, bias=False), nn.ReLU())
    weighing = with_predicted_times(
        weigh(network, (100,)), profile(macs=1e6, bandwidths=[(1, 1e6)])
    )
    linear, relu = weighing.layers
    # 100,000 MACs at 1 M/s; 4 · (100 + 100,000 + 1,000) bytes at 1 MB/s.
    assert linear.predicted_ms == pytest.approx(404.4)
    assert (linear.bound, relu.bound) == ("memory", "memory")
    faster = profile(macs=1e6, bandwidths=[(1, 1e9)])
    linear, relu = with_predicted_times(weigh(network, (100,)), faster).layers
    assert linear.predicted_ms == pytest.approx(100)
    assert (linear.bound, relu.bound) == ("arithmetic", "memory")


def test_small_layers_are_bound_by_being_called() -> None:
    weighing = weigh(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), (2,))
    timed = with_predicted_times(weighing, profile(bandwidths=[(1, 1e12)], call=1e-3))
    assert [layer.bound for layer in timed.layers] == ["calls", "calls"]
    assert timed.predicted_ms == pytest.approx(2, rel=1e-3)


def test_the_rows_sum_to_the_time() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
    timed = with_predicted_times(
        weigh(network, (3, 9, 9)), profile(bandwidths=[(64, 1e9), (1024, 2e9)], call=1e-6)
    )
    assert timed.predicted_ms == sum(layer.predicted_ms or 0 for layer in timed.layers)


def test_bandwidth_between_measured_sizes() -> None:
    measured = profile(bandwidths=[(100, 4.0), (10_000, 2.0)])
    assert bandwidth(measured, 1) == 4.0
    assert bandwidth(measured, 1000) == pytest.approx(3.0)
    assert bandwidth(measured, 1e9) == 2.0
