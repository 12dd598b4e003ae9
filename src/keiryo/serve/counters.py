"""The figures that /metrics shows, for Prometheus."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

disable_created_metrics()  # a further line for each, which Prometheus does not need
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Counters:
    """Counters of one service, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.requests = Counter(
            "keiryo_requests", "Requests answered", ["path", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "keiryo_request_seconds",
            "Time from the head of a request to the end of its answer",
            ["path"],
            buckets=SECONDS,
            registry=registry,
        )
        self.refused = Counter(
            "keiryo_refused_requests", "Requests refused", ["reason"], registry=registry
        )
        self.left = Counter(
            "keiryo_left_requests",
            "Requests whose client left before the answer",
            registry=registry,
        )
        self.images = Counter("keiryo_images", "Images classified", ["model"], registry=registry)
        self.unreadable = Counter(
            "keiryo_unreadable_images", "Images that could not be read", registry=registry
        )
        self.read_seconds = Histogram(
            "keiryo_read_seconds",
            "Time to decode and fit an image",
            buckets=SECONDS,
            registry=registry,
        )
        self.model_seconds = Histogram(
            "keiryo_model_seconds",
            "Time of a model for an image",
            ["model"],
            buckets=SECONDS,
            registry=registry,
        )
        self.waiting = Gauge(
            "keiryo_waiting_images", "Images that no worker has begun", registry=registry
        )
        self.held_bytes = Gauge(
            "keiryo_held_bytes", "Bodies of requests without an answer yet", registry=registry
        )
        self.reloads = Counter(
            "keiryo_reloads", "Times the models were loaded again", ["outcome"], registry=registry
        )

    def text(self) -> bytes:
        """Return all figures in Prometheus's text format, 0.0.4."""
        return generate_latest(self._registry)
