"""Metrics of chat: counted where things happen, collected for Prometheus."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import Metric


class Counts:
    """Counts of this process. Only the event loop changes them, so they need no lock."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()  # by endpoint and status
        self.streams = 0  # in progress
        self.cut: Counter[str] = Counter()  # streams that ended early, by reason
        self.retries = 0
        self.not_offered = 0


counts = Counts()


class ChatCollector:
    """A collector for prometheus-client's registry."""

    def collect(self) -> "Iterable[Metric]":
        """The counts as metric families."""
        # Imported here because prometheus-client adds 50 ms to the start, and most processes are never scraped.
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        answers = CounterMetricFamily("companion_chat_answers", "Answers begun.", labels=("endpoint", "status"))
        for (endpoint, status), count in counts.answers.items():
            answers.add_metric((endpoint, str(status)), count)
        cut = CounterMetricFamily("companion_chat_cut", "Streams that did not end well.", labels=("reason",))
        for reason, count in counts.cut.items():
            cut.add_metric((reason,), count)
        retries = CounterMetricFamily("companion_chat_retries", "Second attempts at the language model.")
        retries.add_metric((), counts.retries)
        models = CounterMetricFamily("companion_chat_models_not_offered", "Turns by LLM_MODEL in place of another.")
        models.add_metric((), counts.not_offered)
        streams = GaugeMetricFamily("companion_chat_streams", "Streams under way.", value=counts.streams)
        return answers, cut, retries, models, streams
