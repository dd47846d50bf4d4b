"""Strangers fill neither log nor memory, are told nothing of others, and forge no address."""

import itertools
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.urls import get_resolver

from companion.tests.test_pages import paths
from tests.faults.conftest import LONG
from tests.faults.environment import Environment
from tests.faults.fuzzing import HOST, FuzzServer, fuzz_server, set_password, sign_in
from tests.promises import Figure
from tests.waiting import wait_until

HOSTS = 10_000 if LONG else 1_000
PATHS = ("/", "/livez", "/v1/models", "/chat/completions", "/api/v1/personalities/elara/", "/admin/login/")
LINE = 1_100  # characters, of which 1,000 are the message
GROWTH = 10  # MiB
SHAPES = (
    "evil-{}.example",
    "{}" + "x" * 240,
    "{}" + "x" * 60_000,
    "evil-{}\x85\x9b2J.example",
    "evil\x80{}\xff" + "\xe9" * 200,
    "[::{}]",
    "%0d%0aERROR-{}",
    "evil.example:{}",
    "{}@" + HOST,
    "{}, " + HOST,
    HOST + "\r\nHost: {}",
)


@pytest.fixture(scope="module")
def server(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FuzzServer]:
    with fuzz_server(environment, tmp_path_factory.mktemp("strangers")) as running:
        yield running


def refused(number: int, key: str) -> bytes:
    """Return a request whose Host is not served. Whatever may be remembered of it is new each time."""
    host, path = SHAPES[number % len(SHAPES)].format(number), PATHS[number % len(PATHS)]
    key = key if number % 2 else f"cpk_{number:08d}_{'x' * 43}"
    lines = [f"GET {path}?{number} HTTP/1.1", f"Host: {host}", f"X-Forwarded-Proto: http, {number}{'x' * 900}"]
    lines += [f"Authorization: Bearer {key}", f"Accept-Language: {'y' * 900}{number}", f"User-Agent: {number}"]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")


def send(server: FuzzServer, numbers: range) -> Counter[bytes]:
    """Send those requests, some at a time; return how often which status came."""
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda number: server.exchange(refused(number, server.cast.key)), numbers)
        return Counter(answer[9:12] for answer in answers)


def test_hosts__that_are_not_served__a_line_each_and_no_memory(server: FuzzServer, figure: Figure) -> None:
    send(server, range(HOSTS, HOSTS + 2_000))  # so that all that is made once and kept exists
    memory, begun = server.mebibytes, server.log.stat().st_size
    statuses = send(server, range(HOSTS))
    growth = server.mebibytes - memory
    lines = server.log.read_bytes()[begun:].decode().split("\n")[:-1]
    figure(
        "A5",
        f"log of {HOSTS:,} requests for hosts that are not served, of 1 to 60,000 bytes",
        f"at most a line each, of at most {LINE:,} printable characters",
        before="240 kB each: a traceback of some 40 lines",
        measured=f"{len(lines):,} lines, the longest of {max(map(len, lines)):,} characters",
        met={*statuses} <= {b"200", b"400", b"431"}
        and 0 < len(lines) <= HOSTS
        and all(line.isprintable() and len(line) <= LINE for line in lines),
        why=f"{statuses}\n" + "\n".join(line[:300] for line in lines if not line.isprintable() or len(line) > LINE),
    )
    figure(
        "A5",
        f"memory after {HOSTS:,} hosts, protocols, keys, languages and addresses, all invented",
        f"+ <= {GROWTH} MiB",
        before="+ 59 MiB after 1,000",
        measured=f"{growth:+.1f} MiB",
        met=growth <= GROWTH,
    )


CHAT = (
    "/v1/models",
    "/v1/models/vera",
    "/v1/models/nobody",
    "/v1/chat/completions",
    "/chat/completions",
    "/v1/nothing",
)
PUBLIC = {"/api/schema/"}  # the same for everybody
NOWHERE = ("/nothing", "/api/nothing", "/static/nothing", "/api/v1/archetypes", "/api/v1/personalities/nobody/")


def addresses() -> list[str]:
    """Return one of every route, for the personality `vera` where one is named."""
    routes = [f"/{path}".replace("/elara/", "/vera/") for path in paths(get_resolver())]
    assert len(routes) > 60
    return [path for path in (*routes, *CHAT, *NOWHERE) if path not in PUBLIC]


FAULTS: dict[str, dict[str, str]] = {
    "foreign host": {"Host": "evil.example"},
    "long header": {"Content-Type": "x" * 1000},
    "no media type": {"Accept": "x"},
    "no such charset": {"Content-Type": "application/json; charset=x"},
    "a wrong key": {"Authorization": "Bearer cpk_00000000_" + "x" * 43},
}


def test_answers__for_one_caller__kept_by_no_shared_cache(server: FuzzServer, figure: Figure) -> None:
    callers: dict[str, dict[str, str]] = {
        "nobody": {},
        "a key": {"Authorization": f"Bearer {server.cast.key}"},
        "staff": {"Cookie": f"sessionid={server.cast.session}"},
    }
    callers |= {name: callers["a key"] | fault for name, fault in FAULTS.items()}
    found: dict[str, str] = {}
    asked = list(itertools.product(addresses(), callers, ("GET", "POST")))
    with server.client() as client:
        for path, who, method in asked if LONG else asked[::7]:  # 16 of each address
            answer = client.request(method, path, headers=callers[who])
            found[f"{method} {path} by {who}: {answer.status_code}"] = answer.headers.get("Cache-Control", "")
    shared = {what: said for what, said in found.items() if "private" not in said and "no-store" not in said}
    figure(
        "A7",
        f"Cache-Control of {len(found):,} answers: every route, by nobody, with a key or session, and broken",
        "private or no-store",
        before="none on lists, conversations, versions, metrics and errors",
        measured=f"{len(shared)} others",
        met=not shared,
        why="\n".join(f"{what}: {said}" for what, said in shared.items()),
    )


def test_personality__another_owner__nothing_of_the_first_is_told(
    environment: Environment, server: FuzzServer, figure: Figure
) -> None:
    hers, his = ({"Authorization": f"Bearer {key}"} for key in environment.writer.ask("issue", count=2))
    place = "/api/v1/personalities/vera/"
    with server.client() as client:
        client.post("/api/v1/personalities/", headers=hers, json=VERA).raise_for_status()
        for change in ({"custom": {"backstory": "secret two"}, "note": "secret three"}, {"custom": {"backstory": ""}}):
            client.patch(place, headers=hers, json=change).raise_for_status()
        told_her = client.get(f"{place}versions/1/", headers=hers).text
        environment.sql(MOVE, *(headers["Authorization"][11:19] for headers in (his, hers)))
        wait_until(lambda: client.get(place, headers=his).status_code == 200)
        client.patch(place, headers=his, json={"greeting": "Mine now."}).raise_for_status()
        histories = [f"versions/{which}/" for which in ("1", "2", "3", "1...2", "1...5", "5...1")]
        asked = [*addresses(), *(place + path for path in ("versions/?page_size=200", *histories))]
        told = {path: client.get(path, headers=his).text for path in asked}
        back = [client.post(f"{place}rollback/", headers=his, json={"version": number}) for number in (1, 2, 3)]
    leaks = [path for path, text in told.items() if "secret" in text]
    statuses = sorted({answer.status_code for answer in back})
    figure(
        "A7",
        f"what {len(asked)} addresses tell the new owner of a personality that was moved by SQL",
        "no text or note of the former owner; no way back to it (404)",
        before="versions/1/: text, note and name",
        measured=f"{len(leaks)} do, rollback {statuses}",
        met="secret one" in told_her and not leaks and statuses == [404],
        why=str(leaks),
    )


VERA = {"personality_name": "vera", "custom": {"backstory": "secret one"}}
MOVE = """
UPDATE personalities_personality SET owner_id = (SELECT user_id FROM accounts_apikey WHERE prefix = %s)
WHERE personality_name = 'vera' AND owner_id = (SELECT user_id FROM accounts_apikey WHERE prefix = %s)
"""
FORGERIES = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP")


def test_forwarded_headers__nobody_is_trusted__nothing_but_a_warning(
    environment: Environment, server: FuzzServer, figure: Figure
) -> None:
    set_password(environment, "ursula", "right")
    begun = server.log.stat().st_size
    with server.client() as client:
        statuses = []
        for number in range(12):
            address = f"203.0.113.{number}"
            forged = dict.fromkeys(FORGERIES, address) | {"Forwarded": f"for={address}"}
            statuses.append(sign_in(client, "wrong", **forged))
        locked = sign_in(client, "right", **{"X-Forwarded-For": "198.51.100.7"})
    log = server.log.read_bytes()[begun:].decode()
    warnings = log.count("name it in TRUSTED_PROXIES")
    figure(
        "C17",
        "12 wrong passwords without TRUSTED_PROXIES, each with another forged address",
        "the 10th and later are 429, one warning of the header, no forged address in the log",
        before="what the header said counted nowhere, and nothing warned of it",
        measured=f"{statuses}, the right one {locked}; {warnings} warning, {log.count('203.0.113.')} in the log",
        met=statuses == [200] * 9 + [429] * 3 and locked == 429 and warnings == 1 and "203.0.113." not in log,
    )
