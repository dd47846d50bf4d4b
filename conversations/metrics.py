"""Metrics of conversations, collected for Prometheus."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from conversations.recent import sources


class ConversationsCollector(Collector):
    """A collector for prometheus-client's registry."""

    def collect(self) -> Iterable[Metric]:
        """How often recent messages were read, by source."""
        family = CounterMetricFamily(
            "companion_recent_messages", "Reads of a conversation's recent messages.", labels=("source",)
        )
        for source in ("redis", "database"):
            family.add_metric((source,), sources[source])
        yield family
