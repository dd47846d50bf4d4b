"""The hot read over HTTP: the service, what the server itself can do, and peers, under each of two servers."""

import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.findings import Bar, Section, Table
from benchmarks.ground import Environment, Ground
from benchmarks.load import CONNECTIONS, Load, source
from benchmarks.servers import SERVERS, Site
from benchmarks.spread import Spread, ratio, short
from benchmarks.turns import take_turns

HELLO, OURS, VIEW = "bare ASGI hello", "Companion", "Companion, DRF view"
EMPTY, FASTAPI = "an empty Django view", "FastAPI, the original's style"
ROWS, THREADED = "DRF serializer from PostgreSQL", "DRF serializer from PostgreSQL, in Companion's handler"
DRESSED = "hello with Companion's headers"
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

TEXT = """\
`GET /api/v1/personalities/elara/` over {connections} connections that are kept, from {source} on the same machine.
Companion checks an API key at each request; *DRF view* is its Django application without the fast reader in front. The
peers let everybody in, which favours them: FastAPI gets the configuration from Redis and answers it as JSON, as the
original does; DRF reads the row and serializes it, under Django's own ASGI handler as people run it, and once in the
service's. *hello* is a bare ASGI application that answers as many bytes, with two headers or
as many as the service."""


def measure(ground: Ground, effort: Effort) -> Section:
    place = ground.place("http") | {"API_KEY": ground.key}
    place["BODY_BYTES"] = str(_size(place))
    loads = _loads(place, APPLICATIONS, 1, effort)
    pairs = _loads(place, (HELLO, OURS), 2, effort)
    tables = [*(_table(server, loads) for server in SERVERS), _servers_table(loads, pairs)]
    bars = [bar for server in SERVERS for bar in _bars(server, loads)]
    figures = {"one worker": _figures(loads), "two workers": _figures(pairs)}
    text = TEXT.format(connections=CONNECTIONS, source=source(effort.load))
    return Section("HTTP", text, tables, bars, figures)


def _size(place: Environment) -> int:
    """How many bytes the service answers, before others are told to answer as many."""
    with _sites({("uvicorn", OURS)}, place | {"BODY_BYTES": "0"}, 1) as sites:
        return sites["uvicorn", OURS].wait()


def _loads(place: Environment, applications: Collection[str], workers: int, effort: Effort) -> Loads:
    keys = {(server, application) for server in SERVERS for application in applications}
    with _sites(keys, place, workers) as sites:
        return take_turns({key: partial(site.load, effort.load) for key, site in sites.items()}, effort.rounds)


@contextmanager
def _sites(keys: Collection[Key], place: Environment, workers: int) -> Iterator[dict[Key, Site]]:
    """All of them running, and warm."""
    with ExitStack() as stack:
        log = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "log"
        sites = {}
        for server, application in keys:
            site = sites[server, application] = Site(server, APPLICATIONS[application], place, log, workers)
            stack.callback(site.stop)
        for site in sites.values():
            site.wait()
            site.load(0.6)
        yield sites


def _table(server: str, loads: Loads) -> Table:
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


def _servers_table(loads: Loads, pairs: Loads) -> Table:
    """Which server."""
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
    head = ("", "uvicorn, requests/s", "granian, requests/s", "granian ÷ uvicorn", "uvicorn, p99 ms", "granian, p99 ms")
    return Table("Which server", head, rows)


def _bars(server: str, loads: Loads) -> list[Bar]:
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


def _figures(loads: Loads) -> dict[str, list[dict[str, float]]]:
    return {", ".join(key): [load._asdict() for load in each] for key, each in loads.items()}
