"""What Prometheus reads of conversations."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from conversations.recent import sources


class ConversationsCollector(Collector):
    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(
            "companion_recent_messages", "Reads of a conversation's recent messages.", labels=("source",)
        )
        for source in ("redis", "database"):
            family.add_metric((source,), sources[source])
        yield family
