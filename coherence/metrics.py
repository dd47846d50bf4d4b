"""Prometheus metrics of lookups, the change feed and Redis, computed from live counters only when scraped.

They are named after the service that coherence comes from: dashboards and alerts know them by these names.
"""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from coherence.cache import CoherentCache
from coherence.feed import feed
from coherence.listener import listener
from resilience.redis_errors import errors
from resilience.redis_pool import breaker_of


class CoherenceCollector(Collector):
    """Lookups, copies, the change feed, the Redis breaker and Redis errors of this process."""

    def collect(self) -> Iterable[Metric]:
        """Every metric, with its current value."""
        yield from (_lookups(), _unverified(), _copies(), _age(), _prune_failures(), *_breaker(), _errors())


def registry() -> CollectorRegistry:
    """A registry with the metrics of coherence and of the process itself."""
    made = CollectorRegistry()
    made.register(CoherenceCollector())
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=made)
    return made


def _lookups() -> Metric:
    family = CounterMetricFamily("companion_lookups", "Lookups answered.", labels=("kind", "source", "result"))
    for kind, cache in CoherentCache.by_kind.items():
        for (source, is_found), count in cache.lookups.items():
            family.add_metric((kind, source, "found" if is_found else "absent"), count)
    return family


def _unverified() -> Metric:
    family = CounterMetricFamily(
        "companion_unverified_reads", "Lookups answered from copies, out of touch with PostgreSQL.", labels=("kind",)
    )
    for kind, cache in CoherentCache.by_kind.items():
        family.add_metric((kind,), cache.unverified_answers)
    return family


def _copies() -> Metric:
    family = GaugeMetricFamily("companion_near_copies", "Copies in this process.", labels=("kind", "what"))
    for kind, cache in CoherentCache.by_kind.items():
        family.add_metric((kind, "found"), len(cache.positive))
        family.add_metric((kind, "absent"), len(cache.negative))
    return family


def _age() -> Metric:
    """Infinite before the first answer of PostgreSQL."""
    return GaugeMetricFamily(
        "companion_change_feed_age_seconds", "Since all changes of the log were known here.", value=feed.age
    )


def _prune_failures() -> Metric:
    return CounterMetricFamily(
        "companion_change_log_prune_failures",
        "Times that old lines of the change log could not be deleted.",
        value=listener.prune_failures,
    )


def _breaker() -> Iterator[Metric]:
    if (breaker := breaker_of()) is not None:
        is_open, opened = float(breaker.state != "closed"), breaker.opened
        yield GaugeMetricFamily("companion_redis_breaker_open", "1 while Redis is left alone.", value=is_open)
        yield CounterMetricFamily("companion_redis_breaker_openings", "Times that it opened.", value=opened)


def _errors() -> Metric:
    family = CounterMetricFamily("companion_redis_errors", "Errors of Redis, whoever met them.", labels=("type",))
    for kind, count in errors.copy().items():
        family.add_metric((kind,), count)
    return family
