"""Rates, clients and names of this machine."""

import pytest

pytest.importorskip("starlette")

from keiryo.serve.access import Rate, client_network, host_of, is_loopback


def test_a_burst_is_followed_by_the_rate() -> None:
    now = 0.0
    rate = Rate(4, clock=lambda: now)
    assert [rate.seconds_to_wait("a") for _ in range(5)] == [0, 0, 0, 0, 0.25]
    assert rate.seconds_to_wait("b") == 0
    now = 0.25
    assert rate.seconds_to_wait("a") == 0
    assert rate.seconds_to_wait("a") == 0.25
    now = 100
    assert [rate.seconds_to_wait("a") for _ in range(5)].count(0) == 4


def test_a_slow_rate_allows_one_at_a_time() -> None:
    now = 0.0
    rate = Rate(0.1, clock=lambda: now)
    assert [rate.seconds_to_wait("a") for _ in range(2)] == [0, 10]
    now = 10
    assert rate.seconds_to_wait("a") == 0


def test_a_client_is_an_address_or_a_network_of_one_subscriber() -> None:
    assert client_network("192.0.2.7") == "192.0.2.7"
    assert client_network("2001:db8:1:2:3::4") == client_network("2001:db8:1:2::9")
    assert client_network("2001:db8:1:2::9") != client_network("2001:db8:1:3::9")


@pytest.mark.parametrize(
    ("host", "name", "local"),
    [
        (b"localhost:80", "localhost", True),
        (b"127.0.0.9", "127.0.0.9", True),
        (b"[::1]:80", "[::1]", True),
        (b"LOCALHOST.", "LOCALHOST.", True),
        (b"127.0.0.1.evil.example", "127.0.0.1.evil.example", False),
        (b"0.0.0.0", "0.0.0.0", False),
        (b"", "", False),
    ],
)
def test_hosts(host: bytes, name: str, local: bool) -> None:
    assert host_of([(b"host", host)]) == name
    assert is_loopback(name) == local
