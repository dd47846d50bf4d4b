"""Rate limits by user and by key, with their headers. Forwarding headers make no difference."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from chat.application import Chat
from chat.backends.console import ConsoleBackend
from chat.limits import admit_by_rate
from chat.tests.conftest import served
from conversations.models import MAX_JSON_BYTES
from rate_limits.gcra import parse_rate
from resilience.tests.redis.conftest import use_pool  # noqa: F401  a fixture

BODY = {"model": "elara", "messages": [{"role": "user", "content": "Hi."}]}


@pytest.fixture(autouse=True)
def _patient(use_pool: Any) -> None:  # noqa: F811
    """On a busy machine Redis may take more than 0.1 s, which would count as an outage."""
    use_pool()


def ask(url: str, key: str, **headers: str) -> httpx.Response:
    given = {"Authorization": f"Bearer {key}", **headers}
    return httpx.post(f"{url}/chat/completions", json=BODY, headers=given, trust_env=False, verify=False, timeout=20)


def test_limit__two_hundred_at_once_in_forty_threads__exactly_thirty_admitted(key: str, settings: Any) -> None:
    settings.CHAT_RATE = settings.CHAT_KEY_RATE = parse_rate("30/hour", "CHAT_RATE")
    with served(Chat(ConsoleBackend(), admit=admit_by_rate)) as url, ThreadPoolExecutor(40) as threads:
        spoofed = (
            {"X-Forwarded-For": f"10.0.0.{number}", "Forwarded": f"for=10.0.0.{number}"} for number in range(200)
        )
        answers = list(threads.map(lambda headers: ask(url, key, **headers), spoofed))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(429)) == (30, 170)
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert {answer.headers["RateLimit-Limit"] for answer in answers} == {"30"}


def test_limit__of_models__none(key: str, settings: Any) -> None:
    settings.CHAT_RATE = settings.CHAT_KEY_RATE = parse_rate("1/hour", "CHAT_RATE")
    with served(Chat(ConsoleBackend(), admit=admit_by_rate)) as url:
        headers = {"Authorization": f"Bearer {key}"}
        assert {
            httpx.get(f"{url}/models", headers=headers, trust_env=False, verify=False).status_code for _ in range(3)
        } == {200}


@pytest.mark.parametrize("enabled", [True, False])
def test_limit__with_and_without_redis__holds(key: str, settings: Any, enabled: bool) -> None:
    settings.CHAT_RATE = settings.CHAT_KEY_RATE = parse_rate("4/hour", "CHAT_RATE")
    settings.REDIS_ENABLED, settings.WEB_WORKERS = enabled, 1
    with served(Chat(ConsoleBackend(), admit=admit_by_rate)) as url:
        statuses = [ask(url, key).status_code for _ in range(10)]
    assert statuses.count(200) == 4


def test_limit__of_a_body_that_is_too_large__told_before_the_body_is_read(key: str, settings: Any) -> None:
    settings.CHAT_RATE = settings.CHAT_KEY_RATE = parse_rate("1/hour", "CHAT_RATE")
    with served(Chat(ConsoleBackend(), admit=admit_by_rate)) as url:
        headers, large = {"Authorization": f"Bearer {key}"}, b" " * (MAX_JSON_BYTES + 1)
        answers = [
            httpx.post(f"{url}/chat/completions", content=large, headers=headers, trust_env=False, verify=False)
            for _ in range(2)
        ]
    assert [answer.status_code for answer in answers] == [413, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["0", "0"]
