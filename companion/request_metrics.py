"""Counts answered requests by route, method and status; and how long they took, by route and status."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, HTTPScope

from rest.asgi import HttpMiddleware

if TYPE_CHECKING:
    from prometheus_client.core import Metric

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
ROUTE = "companion.route"  # where whoever answers a request puts its route in the scope
UNKNOWN = "none"  # no route, or no response begun
LABELS = ("route", "method", "status")


# Of requests of one kind: how many took up to each of BOUNDS but longer than the one before, how many longer than all,
# and the seconds of all together.
Row = list[float]


class RequestCounts:
    """The counts of this process. Only the event loop changes them, so they need no lock."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, int], Row] = {}  # by route, method and status

    def row(self, route: str, method: str, status: int) -> Row:
        """Where such requests are counted. `status` is 0 if no response was begun."""
        return self._rows.setdefault((route, method, status), [0.0] * (len(BOUNDS) + 2))

    def collect(self) -> "Iterable[Metric]":
        """Counts and durations, as prometheus-client's registry asks for them.

        Durations are not counted by method as well: whoever tries every method at every address would turn 18 samples
        into many thousands, and make each scrape block the event loop for too long.
        """
        # Imported here because prometheus-client adds 50 ms to the start.
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        requests = CounterMetricFamily("companion_http_requests", "Requests answered.", labels=LABELS)
        seconds = HistogramMetricFamily(
            "companion_http_request_seconds", "Until the last byte was sent.", labels=("route", "status")
        )
        rows: dict[tuple[str, str], list[Row]] = {}
        for (route, method, number), row in self._rows.copy().items():
            status = str(number or UNKNOWN)
            if answered := sum(row[:-1]):
                requests.add_metric((route, method, status), answered)
                rows.setdefault((route, status), []).append(row)
        for labels, found in rows.items():
            *buckets, total = map(sum, zip(*found, strict=True))
            seconds.add_metric(labels, _cumulative(buckets), total)
        return requests, seconds


counts = RequestCounts()


def count(row: Row, seconds: float) -> None:
    """Count one request that took `seconds`."""
    row[bisect_left(BOUNDS, seconds)] += 1
    row[-1] += seconds


class RequestMetrics(HttpMiddleware):
    """Wraps an ASGI application and counts its requests. Hot reads do not come here: HotReader counts them itself."""

    async def handle(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Hand the request on; one that fails before its response has begun counts as 500."""
        started, status = perf_counter(), 0

        async def noting_send(event: ASGISendEvent) -> None:
            nonlocal status
            if event["type"] == "http.response.start":
                status = event["status"]
            await send(event)

        try:
            await self.application(scope, receive, noting_send)
        except BaseException:
            status = status or 500
            raise
        finally:
            method = scope["method"] if scope["method"] in METHODS else UNKNOWN
            count(counts.row(str(scope.get(ROUTE) or UNKNOWN), method, status), perf_counter() - started)


def _cumulative(row: Sequence[float]) -> list[tuple[str, float]]:
    total, buckets = 0.0, []
    for bound, number in zip((*map(str, BOUNDS), "+Inf"), row, strict=True):
        total += number
        buckets.append((bound, total))
    return buckets
