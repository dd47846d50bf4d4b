"""What chat counts, for Prometheus."""

from collections import Counter
from typing import Any

import openai
import pytest

from chat.metrics import MAX_REASONS, OTHER, Counts
from chat.metrics import counts as of_this_process
from chat.tests import model_server
from chat.tests.model_server import ModelServer


def test_cut__reasons_without_end__few_labels() -> None:
    """The code of an error comes from the language model's server, which may put an id of the request into it."""
    counts = Counts()
    for number in range(10 * MAX_REASONS):
        counts.count_cut(f"request-{number}")
        counts.count_cut("request-0")
    assert len(counts.cut) == MAX_REASONS + 1
    assert counts.cut["request-0"] == 10 * MAX_REASONS + 1
    assert counts.cut[OTHER] == 9 * MAX_REASONS


def test_cut__codes_of_the_model_s_without_end__few_labels(
    talk: openai.OpenAI, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_this_process, "cut", Counter())
    messages: Any = [{"role": "user", "content": "Hello?"}]
    for number in range(MAX_REASONS + 20):
        error = b'data: {"error": {"code": "c-%d", "type": "invalid_request_error", "message": "no"}}\n\n' % number
        model.behaviour = model_server.streaming(model_server.chunk("Hello "), error)
        with pytest.raises(openai.APIError, match="no"):
            list(talk.chat.completions.create(model="elara", messages=messages, stream=True))
    assert len(of_this_process.cut) == MAX_REASONS + 1
