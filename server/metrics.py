"""What Prometheus reads: on a port of its own, never on the public one."""

from collections.abc import Awaitable, Callable, Mapping

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """The counters of one process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "fangpin_request_seconds",
            "HTTP requests by route and status",
            ("method", "route", "status"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.callbacks = Counter(
            "fangpin_callbacks", "Platform callbacks", ("kind", "outcome"), registry=self.registry
        )
        self._callback_counters: dict[tuple[str, str], Counter] = {}
        self.pushes = Counter(
            "fangpin_pushes", "Attempts to reach a phone", ("channel", "result"), registry=self.registry
        )
        self.wechat_calls = Histogram(
            "fangpin_wechat_seconds",
            "Calls to the platform",
            ("path", "result"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.outbox_age = Gauge(
            "fangpin_outbox_age_seconds", "Age of the oldest message still on its way", registry=self.registry
        )
        self.outbox_size = Gauge(
            "fangpin_outbox_messages", "Messages still on their way", registry=self.registry
        )
        self.channel_closed = Gauge(
            "fangpin_channel_closed",
            "Channels that this worker does not use just now, by the reason",
            ("account", "channel", "reason"),
            registry=self.registry,
        )
        self.quota_used = Gauge(
            "fangpin_quota_used",
            "Messages of today that count to a daily quota",
            ("account", "channel"),
            registry=self.registry,
        )
        self.unsealed_age = Gauge(
            "fangpin_audit_unsealed_age_seconds",
            "Age of the oldest unsealed audit entry",
            registry=self.registry,
        )
        self.backup_at = Gauge(
            "fangpin_backup_timestamp_seconds",
            "The moment of the newest backup as a Unix time; 0 when there was none",
            registry=self.registry,
        )

    def callback(self, kind: str, outcome: str) -> None:
        """Count a callback."""
        counter = self._callback_counters.get((kind, outcome))
        if counter is None:
            counter = self._callback_counters[kind, outcome] = self.callbacks.labels(kind, outcome)
        counter.inc()

    def push(self, channel: str, result: str) -> None:
        """Count an attempt to reach a phone."""
        self.pushes.labels(channel, result).inc()

    def channels(self, closed: Mapping[tuple[str, str], str], used: Mapping[tuple[str, str], int]) -> None:
        """Show which channels are closed, by (account, channel), and what was used of the quotas."""
        self.channel_closed.clear()
        for (account, channel), reason in closed.items():
            self.channel_closed.labels(account, channel, reason).set(1)
        for (account, channel), count in used.items():
            self.quota_used.labels(account, channel).set(count)

    def wechat_call(self, path: str, result: object, seconds: float) -> None:
        """Count a call to the platform; `path` has no query, so that it holds no secret."""
        self.wechat_calls.labels(path, str(result)).observe(seconds)


class _MetricsHandler(RequestHandler):
    def initialize(self, metrics: Metrics, refresh: Callable[[], Awaitable[None]]) -> None:
        self.metrics = metrics
        self.refresh = refresh

    async def get(self) -> None:
        try:
            await self.refresh()
        except Exception as error:  # Counters are still worth reading while the database is away.
            structlog.get_logger().warning("gauges are not fresh", kind=type(error).__name__)
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.finish(generate_latest(self.metrics.registry))


async def _nothing() -> None:
    return None


def serve_metrics(
    metrics: Metrics, port: int, address: str, refresh: Callable[[], Awaitable[None]] = _nothing
) -> HTTPServer:
    """Listen for Prometheus on a port of an address; `refresh` brings gauges up to date before each
    reading."""
    routes = [(r"/metrics", _MetricsHandler, {"metrics": metrics, "refresh": refresh})]
    return Application(routes, log_function=lambda _: None).listen(port, address)
