"""/metrics, as Prometheus reads it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from accounts.models import ApiKey
from companion import __version__
from companion.handler import Handler
from companion.hot_read import HotReader
from companion.request_metrics import RequestMetrics, counts
from companion.tests.asgi_client import HOST, PREFIX, AsgiClient, request, with_key
from personalities.models import Personality
from tooling.processes import SupervisedServer

pytestmark = pytest.mark.django_db(transaction=True)
SCRAPER = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"


@pytest.fixture
def scrape(user: User, client_of: Callable[[User], APIClient]) -> Callable[[], dict[str, float]]:
    """Reads /metrics; returns samples by name and labels."""
    program = client_of(user)

    def read() -> dict[str, float]:
        response = program.get("/metrics", HTTP_ACCEPT=SCRAPER)
        assert response["Content-Type"].startswith("text/plain")
        families = text_string_to_metric_families(response.content.decode())
        samples = [sample for family in families for sample in family.samples]
        return {f"{s.name}{{{','.join(map(str, s.labels.values()))}}}": s.value for s in samples}

    return read


def test_metrics__lookups__counted_by_kind_source_and_result(
    scrape: Callable[[], dict[str, float]], clear_memory: Callable[[], None]
) -> None:
    Personality.objects.create(personality_name="elara")
    before = scrape()
    Personality.objects.lookup("elara")
    for _ in range(3):
        Personality.objects.lookup("elara")
    clear_memory()
    Personality.objects.lookup("elara")
    Personality.objects.lookup("nobody")
    after = scrape()
    rise = {
        what: after[f"companion_lookups_total{{personality,{what}}}"]
        - before.get(f"companion_lookups_total{{personality,{what}}}", 0)
        for what in ("found,database", "found,near", "found,redis", "absent,database")
    }
    assert rise == {"found,database": 1, "found,near": 3, "found,redis": 1, "absent,database": 1}
    assert after["companion_near_copies{personality,found}"] == 1
    assert after["companion_near_copies{personality,absent}"] == 1


def test_metrics__postgresql_out_of_reach__unverified_reads_counted(
    scrape: Callable[[], dict[str, float]], out_of_touch: Callable[[float], None]
) -> None:
    Personality.objects.create(personality_name="elara")
    Personality.objects.lookup("elara")
    out_of_touch(100)
    before = scrape()
    Personality.objects.lookup("elara")
    unverified = "companion_unverified_reads_total{personality}"
    assert scrape()[unverified] == before[unverified] + 1


def test_metrics__feed_and_process__are_there(scrape: Callable[[], dict[str, float]]) -> None:
    samples = scrape()
    assert 0 <= samples["companion_change_feed_age_seconds{}"] < 2
    assert samples["process_resident_memory_bytes{}"] > 0


def test_metrics__build__names_the_release(scrape: Callable[[], dict[str, float]]) -> None:
    assert scrape()[f"companion_build_info{{{__version__}}}"] == 1


def test_metrics__redis_stopped__breaker_open_and_errors_counted(
    scrape: Callable[[], dict[str, float]], own_redis: SupervisedServer
) -> None:
    Personality.objects.create(personality_name="elara")
    Personality.objects.lookup("elara")
    before = scrape()
    assert before["companion_redis_breaker_open{}"] == 0
    own_redis.stop()
    Personality.objects.lookup("nobody")
    after = scrape()
    assert after["companion_redis_breaker_open{}"] == 1
    assert after["companion_redis_breaker_openings_total{}"] == 1
    refused = "companion_redis_errors_total{ConnectionError}"
    assert after[refused] > before.get(refused, 0)


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text", "image/png", "application/json;q=0", "nonsense", ""]
)
@pytest.mark.parametrize("path", ["/metrics", "/metrics?format=x"])
def test_metrics__whatever_a_scraper_accepts__the_text_format(
    user: User, client_of: Callable[[User], APIClient], path: str, accept: str
) -> None:
    response = client_of(user).get(path, HTTP_ACCEPT=accept)
    assert (response.status_code, response["Content-Type"].partition(";")[0]) == (200, "text/plain")
    refused = APIClient().get(path, HTTP_ACCEPT=accept)
    assert (refused.status_code, refused["Content-Type"]) == (401, "application/problem+json")


def test_metrics__no_key__refused() -> None:
    response = APIClient().get("/metrics", HTTP_ACCEPT=SCRAPER)
    assert response.status_code == 401


def test_metrics__requests__counted_by_route_method_and_status(
    scrape: Callable[[], dict[str, float]], ask: AsgiClient, user: User, settings: Any
) -> None:
    """A read from memory counts as the same read by Django; what is in no route, and what is no method, as none."""
    settings.ALLOWED_HOSTS = [HOST]
    Personality.objects.create(personality_name="elara")
    key = ApiKey.objects.issue(user)[1]
    headers = with_key(key)
    application = HotReader(RequestMetrics(Handler()))
    before = scrape()
    for path in (f"{PREFIX}elara/", f"{PREFIX}elara/", f"{PREFIX}nobody/", "/nothing", "/static/favicon.svg"):
        ask(application, request(path, headers))
    ask(application, request(f"{PREFIX}elara/", headers, "BREW"))
    etag = ask(application, request(f"{PREFIX}elara/", headers)).header(b"etag")
    ask(application, request(f"{PREFIX}elara/", with_key(key, if_none_match=etag)))
    after = scrape()
    route = f"{PREFIX}<str:name>/"
    for labels, number in {
        f"GET,{route},200": 3,
        f"GET,{route},304": 1,
        f"GET,{route},404": 1,
        "GET,none,404": 1,
        "GET,/static/,200": 1,
        f"none,{route},405": 1,
    }.items():
        others = labels.partition(",")[2]
        for name in (f"requests_total{{{labels}}}", f"request_seconds_count{{{others}}}"):
            assert after[f"companion_http_{name}"] - before.get(f"companion_http_{name}", 0) == number, name
    within_a_minute = f"companion_http_request_seconds_bucket{{60.0,{route},200}}"
    assert after[within_a_minute] - before.get(within_a_minute, 0) == 3


def test_metrics__requests__that_fail_or_are_given_up(ask: AsgiClient) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ConnectionError

    async def silent(scope: Any, receive: Any, send: Any) -> None:
        pass

    before = totals()
    with pytest.raises(ConnectionError):
        ask(RequestMetrics(broken), request("/", []))
    with pytest.raises(ValueError, match="unpack"):  # there is no response to take apart
        ask(RequestMetrics(silent), request("/", []))
    rise = {labels: number - before.get(labels, 0) for labels, number in totals().items()}
    assert (rise["none", "GET", "500"], rise["none", "GET", "none"]) == (1, 1)


def totals() -> dict[tuple[str, ...], float]:
    requests, _ = counts.collect()
    return {tuple(sample.labels.values()): sample.value for sample in requests.samples}
