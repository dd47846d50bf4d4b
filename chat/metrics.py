"""What Prometheus reads of chat: counts kept where things happen."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import Metric


class Numbers:
    """Of this process. The event loop alone counts, so no lock is needed."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()  # by endpoint and status
        self.streams = 0  # under way
        self.cut: Counter[str] = Counter()  # streams that did not end well, by why
        self.retries = 0
        self.not_offered = 0


numbers = Numbers()


class ChatCollector:
    def collect(self) -> "Iterable[Metric]":
        # Imported here: prometheus-client costs a start 50 ms, and most processes are never scraped.
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        answers = CounterMetricFamily("companion_chat_answers", "Answers begun.", labels=("endpoint", "status"))
        for (endpoint, status), count in numbers.answers.items():
            answers.add_metric((endpoint, str(status)), count)
        cut = CounterMetricFamily("companion_chat_cut", "Streams that did not end well.", labels=("reason",))
        for reason, count in numbers.cut.items():
            cut.add_metric((reason,), count)
        retries = CounterMetricFamily("companion_chat_retries", "Second attempts at the language model.")
        retries.add_metric((), numbers.retries)
        models = CounterMetricFamily("companion_chat_models_not_offered", "Turns by LLM_MODEL in place of another.")
        models.add_metric((), numbers.not_offered)
        streams = GaugeMetricFamily("companion_chat_streams", "Streams under way.", value=numbers.streams)
        return answers, cut, retries, models, streams
