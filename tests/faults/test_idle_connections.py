"""Connections to PostgreSQL, Redis and the language model that a firewall has forgotten fail no request."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from chat.tests import model_server
from tests.faults.conftest import LONG
from tests.faults.environment import Answer, Environment, Service, production_service
from tests.faults.history import pretty
from tests.promises import Figure
from tests.proxies import ForgetfulProxy, forgetful

FORGETS = (30.0, 8.0) if LONG else (4.5,)  # seconds of silence
PAUSE, PAUSES = (35.0, 2) if LONG else (5.5, 1)
SLOWEST = 1.2 if LONG else 2.5  # seconds; the short form runs beside other tests
STAGGER = 3.0  # seconds between scenarios, which mostly wait, so that their crowds do not come together
AT_ONCE, CROWD = 5, 20
PREFERENCES, LIST = "/api/v1/preferences/", "/api/v1/personalities/?page_size=5"


def through(url: str, proxy: ForgetfulProxy) -> str:
    """The same address, behind the proxy."""
    parts = urlsplit(url)
    credentials = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{credentials}@127.0.0.1:{proxy.port}".removeprefix("@")).geturl()


@contextmanager
def service_behind(
    environment: Environment, key: str, folder: Path, seconds: float
) -> Iterator[tuple[Service, list[ForgetfulProxy]]]:
    """Run a service that reaches all its servers through firewalls, each of which forgets after `seconds`."""
    with ExitStack() as stack:
        model = stack.enter_context(model_server.running())
        urls = {"DATABASE_URL": environment.postgres.url, "REDIS_URL": environment.redis.url, "LLM_BASE_URL": model.url}
        proxies = {name: stack.enter_context(forgetful(urlsplit(url).port or 0, seconds)) for name, url in urls.items()}
        variables = {name: through(url, proxies[name]) for name, url in urls.items()}
        others = {"LLM_MODEL": "m", "CHAT_RATE": "1000/second", "REDIS_KEY_PREFIX": f"{seconds}:"}
        folder.mkdir()
        yield (
            stack.enter_context(production_service(environment, key, folder, **variables, **others)),
            [*proxies.values()],
        )


def ask(service: Service, number: int, name: str) -> Answer:
    """One of the ways in which a request meets the servers."""
    chat = {"model": name, "messages": [{"role": "user", "content": "?"}]}
    ways: Sequence[Callable[[], httpx.Response]] = (
        lambda: service.client.get(f"/api/v1/personalities/{name}/"),
        lambda: service.client.get(LIST),
        lambda: service.client.patch(PREFERENCES, json={"tone": "calm"}),
        lambda: service.client.post("/v1/chat/completions", json=chat),
    )
    start = time.monotonic()
    response = ways[number % len(ways)]()
    return Answer(response, time.monotonic() - start)


def after_pauses(service: Service, names: Iterator[str], crowd: int) -> list[Answer]:
    """Ask, pause, and ask again, `crowd` requests at a time; return the answers that came after a pause."""
    answers: list[Answer] = []
    with ThreadPoolExecutor(crowd) as pool:

        def ask_all() -> list[Answer]:
            return list(pool.map(lambda number: ask(service, number, next(names)), range(4 * crowd)))

        first = ask_all()
        assert {answer.status for answer in first} == {200}, [answer.response.text for answer in first]
        for _ in range(PAUSES):
            time.sleep(PAUSE)
            answers += ask_all()
    return answers


@pytest.mark.measures
@pytest.mark.timeout(240)
def test_connections__forgotten_while_idle__no_request_notices(
    environment: Environment, fresh: Callable[[], str], tmp_path: Path, figure: Figure
) -> None:
    crowds = [AT_ONCE, CROWD]
    count = len(FORGETS) * sum(4 * crowd * (PAUSES + 1) for crowd in crowds)
    names = [fresh() for _ in range(count)]
    environment.create(*names)
    unused = iter(names)
    scenarios = [(seconds, crowd) for seconds in FORGETS for crowd in crowds]

    def run(scenario: tuple[float, int]) -> tuple[list[Answer], int]:
        seconds, crowd = scenario
        folder = tmp_path / f"{seconds}-{crowd}"
        time.sleep(STAGGER * scenarios.index(scenario))
        with service_behind(environment, keys[scenario], folder, seconds) as (service, proxies):
            return after_pauses(service, unused, crowd), sum(proxy.forgotten for proxy in proxies)

    with environment.workers() as new:
        keys = dict(zip(scenarios, new().ask("issue", count=len(scenarios)), strict=True))
        with ThreadPoolExecutor(len(scenarios)) as pool:
            results = dict(zip(scenarios, pool.map(run, scenarios), strict=True))
    for (seconds, crowd), (answers, forgotten) in results.items():
        slowest = max(answer.seconds for answer in answers)
        statuses = Counter(answer.status for answer in answers)
        figure(
            "B8",
            f"connections forgotten after {seconds:g} s, {PAUSES} pauses of {PAUSE:g} s, then {crowd} callers",
            f"0 answers other than 200, none slower than {SLOWEST} s",
            before="5 x 503 at 5.0 s",
            measured=f"{dict(statuses)}, slowest {pretty(slowest)}; {forgotten} connections were forgotten",
            met=statuses.keys() == {200} and slowest <= SLOWEST and forgotten > 0,
            why=f"{[(answer.response.url, answer.response.text) for answer in answers if answer.status != 200][:3]}",
        )
