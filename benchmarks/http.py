"""The hot read over HTTP: the service, what the server itself can do, and peers, under each of two servers."""

import json
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks.databases import Environment, Servers
from benchmarks.http_servers import CONNECTIONS, SERVED, SERVERS, Load, Site, source
from benchmarks.results import Bar, Section, Spread, Table, ratio, short
from benchmarks.rounds import Effort, take_turns

HELLO, DRESSED = "bare ASGI hello", "hello with the answer's headers"
OURS, VIEW = "Companion", "Companion, DRF view"
EMPTY, FASTAPI = "an empty Django view", "FastAPI, the original's style"
ROWS = "DRF serializer from PostgreSQL, no middleware, Django's handler"
THREADED = "DRF serializer from PostgreSQL, no middleware, Companion's handler"
APPLICATIONS = {
    HELLO: "benchmarks.sites.hello:application",
    DRESSED: "benchmarks.sites.hello:dressed",
    OURS: "companion.asgi:application",
    VIEW: "companion.asgi:django_application",
    EMPTY: "benchmarks.sites.empty_view:application",
    FASTAPI: "benchmarks.sites.fastapi_original:application",
    ROWS: "benchmarks.sites.drf_rows:application",
    THREADED: "benchmarks.sites.drf_rows:threaded",
}


Key = tuple[str, str]  # server, application
Loads = dict[Key, list[Load]]
PARTS = {
    "Companion's handler ÷ Django's, the same DRF view on rows": (THREADED, ROWS),
    "near copy ÷ rows, both DRF in Companion's handler": (VIEW, THREADED),
    "both together": (VIEW, ROWS),
    "the fast reader ÷ DRF view": (OURS, VIEW),
}


def table_of(server: str, loads: Loads) -> Table:
    """Return the figures of all applications under one server."""
    head = ("", "requests/s", "÷ hello", "÷ FastAPI", "p50 ms", "p99 ms")
    rows = [
        (
            application,
            short(_median(loads[server, application], "rate")),
            *(str(_ratio(loads, "rate", (server, application), (server, to))) for to in (HELLO, FASTAPI)),
            *(short(_median(loads[server, application], what)) for what in ("p50", "p99")),
        )
        for application in APPLICATIONS
    ]
    return Table(f"{server}, one worker", head, rows)


def table_of_parts(loads: Loads) -> Table:
    """Return what each part of the service gains."""
    rows = [
        (label, *(str(_ratio(loads, "rate", (server, of), (server, to))) for server in SERVERS))
        for label, (of, to) in PARTS.items()
    ]
    return Table("What gains how much, in requests/s", ("", *SERVERS), rows)


def table_of_servers(loads: Loads, pairs: Loads) -> Table:
    """Return how the two servers compare, with one worker and with two."""
    rows = [
        (
            f"{application}, {workers} worker{'s' * (workers > 1)}",
            *(short(_median(of[server, application], "rate")) for server in SERVERS),
            str(_ratio(of, "rate", ("granian", application), ("uvicorn", application))),
            *(short(_median(of[server, application], "p99")) for server in SERVERS),
        )
        for workers, of in ((1, loads), (2, pairs))
        for application in (HELLO, OURS)
    ]
    rates, tails = ([f"{server}, {what}" for server in SERVERS] for what in ("requests/s", "p99 ms"))
    return Table("Which server", ("", *rates, "granian ÷ uvicorn", *tails), rows)


def bars_of(server: str, loads: Loads) -> list[Bar]:
    """Return the bars of the hot read, judged on one server."""

    def rate(of: str, to: str) -> Spread:
        return _ratio(loads, "rate", (server, of), (server, to))

    p99 = _ratio(loads, "p99", (server, OURS), (server, HELLO))
    return [
        Bar.at_least(f"hot read, {server}", 0.7, "× hello", rate(OURS, HELLO)),
        Bar.at_least(f"hot read, {server}", 5, "× FastAPI in the original's style", rate(OURS, FASTAPI)),
        Bar.at_most(f"hot read, {server}, p99", 2, "× hello's", p99),
        Bar.at_least(f"DRF view, {server}", 4, "× DRF serializer from PostgreSQL", rate(VIEW, ROWS)),
    ]


def _ratio(loads: Loads, what: str, of: Key, to: Key) -> Spread:
    return ratio(*([getattr(each, what) for each in loads[key]] for key in (of, to)))


def _median(loads: list[Load], what: str) -> float:
    return Spread.of([getattr(load, what) for load in loads]).median


WARM = 0.3  # seconds

TEXT = """\
`GET /api/v1/personalities/elara/` over {connections} persistent connections, from {source} on the same machine.
Companion checks an API key with each request; *DRF view* is its Django application without the fast reader in
front. The peers let everybody in, which favours them. FastAPI gets the configuration from Redis and answers it as
JSON, as the original does. DRF reads the row, over a pool of as many connections as Companion's, and serializes it:
once under Django's own ASGI handler, as people run it and as the bar has it, and once under Companion's, so that
the gains of the handler and of the copy in memory can be told apart. *hello* is a bare ASGI application that
answers with as many bytes, either with their type and length as headers or with exactly the headers of Companion.
Bars are judged on {served}, through which `dev.py run` serves."""


def measure(servers: Servers, effort: Effort) -> Section:
    """Measure requests a second of all applications under both servers, one worker and two."""
    place = servers.environment("http") | {"API_KEY": servers.key}
    place |= _answer_of(place)
    loads = _loads(place, APPLICATIONS, 1, effort)
    pairs = _loads(place, (HELLO, OURS), 2, effort)
    tables = [*(table_of(server, loads) for server in SERVERS), table_of_parts(loads), table_of_servers(loads, pairs)]
    figures = {"one worker": _figures(loads), "two workers": _figures(pairs)}
    text = TEXT.format(connections=CONNECTIONS, source=source(effort.load), served=SERVED)
    return Section("HTTP", text, tables, bars_of(SERVED, loads), figures)


def _answer_of(place: Environment) -> Environment:
    """What the service answers, before others are told to answer as much."""
    unknown = {"BODY_BYTES": "0", "ANSWER_HEADERS": "[]"}
    with _sites({(SERVED, OURS)}, place | unknown, 1) as sites:
        size, headers = sites[SERVED, OURS].answer()
    return {"BODY_BYTES": str(size), "ANSWER_HEADERS": json.dumps(headers)}


def _loads(place: Environment, applications: Collection[str], workers: int, effort: Effort) -> Loads:
    keys = [(server, application) for application in applications for server in SERVERS]
    with _sites(keys, place, workers) as sites:
        return take_turns({key: partial(site.load, effort.load) for key, site in sites.items()}, effort.rounds)


@contextmanager
def _sites(keys: Collection[Key], place: Environment, workers: int) -> Iterator[dict[Key, Site]]:
    """All of them running, and warm."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sites = {}
        for number, (server, application) in enumerate(keys):
            site = Site(server, APPLICATIONS[application], place, folder / f"{number}.log", workers)
            sites[server, application] = site
            stack.callback(site.stop)
        for site in sites.values():
            site.wait()
            site.load(WARM)
        yield sites


def _figures(loads: Loads) -> dict[str, list[dict[str, float]]]:
    return {", ".join(key): [load._asdict() for load in each] for key, each in loads.items()}
