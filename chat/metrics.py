"""Metrics of chat: counted where things happen, collected for Prometheus."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import Metric


MAX_REASONS = 50  # why streams end early: a language model's server may send anything as an error code
OTHER = "other"


class Counts:
    """Counts of this process. Only the event loop changes them, so they need no lock."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()  # by endpoint and status
        self.streams = 0  # in progress
        self.cut: Counter[str] = Counter()  # streams that ended early, by reason
        self.retries = 0
        self.not_offered = 0

    def count_cut(self, reason: str) -> None:
        """Count a stream that ended early. Beyond MAX_REASONS, new ones are OTHER."""
        self.cut[reason if reason in self.cut or len(self.cut) < MAX_REASONS else OTHER] += 1


counts = Counts()


class ChatCollector:
    """A collector for prometheus-client's registry."""

    def collect(self) -> "Iterable[Metric]":
        """The counts as metric families."""
        # Imported here because prometheus-client adds 50 ms to the start, and most processes are never scraped.
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        answers = CounterMetricFamily(
            "companion_chat_answers", "Answers that were started.", labels=("endpoint", "status")
        )
        for (endpoint, status), count in counts.answers.copy().items():
            answers.add_metric((endpoint, str(status)), count)
        cut = CounterMetricFamily(
            "companion_chat_cut", "Streams that ended with an error or a disconnect.", labels=("reason",)
        )
        for reason, count in counts.cut.copy().items():
            cut.add_metric((reason,), count)
        retries = CounterMetricFamily(
            "companion_chat_retries", "Requests that were sent to the language model a second time."
        )
        retries.add_metric((), counts.retries)
        models = CounterMetricFamily(
            "companion_chat_models_not_offered",
            "Turns answered by LLM_MODEL because the personality names a model that is not offered.",
        )
        models.add_metric((), counts.not_offered)
        streams = GaugeMetricFamily("companion_chat_streams", "Streams in progress.", value=counts.streams)
        return answers, cut, retries, models, streams
