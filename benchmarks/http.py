"""The hot read over HTTP: the service, what the server itself can do, and peers, under each of two servers."""

import json
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks.applications import APPLICATIONS, HELLO, OURS
from benchmarks.effort import Effort
from benchmarks.findings import Section
from benchmarks.ground import Environment, Ground
from benchmarks.http_tables import Key, Loads, bars_of, table_of, table_of_parts, table_of_servers
from benchmarks.load import CONNECTIONS, source
from benchmarks.servers import SERVED, SERVERS, Site
from benchmarks.turns import take_turns

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


def measure(ground: Ground, effort: Effort) -> Section:
    place = ground.place("http") | {"API_KEY": ground.key}
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
