"""Behind a proxy that is trusted: whose address counts, which scheme, and whose request a log line belongs to."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.faults.environment import Environment
from tests.faults.fuzzing import HOST, FuzzServer, fuzz_server, set_password, sign_in
from tests.promises import Figure

SIGN_INS = 14  # in an hour from one address
SETTINGS = {
    "HTTPS_ONLY": "true",
    "BEHIND_HTTPS_PROXY": "true",
    "TRUSTED_PROXIES": "192.0.2.0/24, 127.0.0.1",
    "LOG_FORMAT": "json",
    "SIGN_IN_RATE": f"{SIGN_INS}/hour",
}
PATHS = ("/", "/api/v1/personalities/elara/", "/v1/models", "/chat/completions", "/admin/login/")
HTTPS = {"X-Forwarded-Proto": "https"}
REQUESTS = 300


@pytest.fixture(scope="module")
def server(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FuzzServer]:
    with fuzz_server(environment, tmp_path_factory.mktemp("proxy"), **SETTINGS) as running:
        yield running


def entries(server: FuzzServer, begun: int) -> list[dict[str, str]]:
    """Return what was logged since the log was `begun` bytes long. Raises ValueError for a line that is no JSON."""
    return [json.loads(line) for line in server.log.read_bytes()[begun:].decode().split("\n")[:-1]]


def test_address__behind_a_trusted_proxy__the_clients_and_not_to_be_forged(
    environment: Environment, server: FuzzServer, figure: Figure
) -> None:
    set_password(environment, "ursula", "right")
    begun = server.log.stat().st_size
    with server.client() as client:

        def attempt(password: str, forwarded: str, username: str = "ursula") -> int:
            return sign_in(client, password, username, **HTTPS, **{"X-Forwarded-For": forwarded})

        wrong = [attempt("wrong", f"192.88.99.{number}, 203.0.113.9, 192.0.2.7") for number in range(10)]
        locked = attempt("right", "192.88.99.7, 203.0.113.9")
        others = attempt("right", "203.0.113.9, 198.51.100.7")
        many = [attempt("wrong", "203.0.113.77", f"nobody-{number}") for number in range(SIGN_INS + 1)]
    said = [entry["message"] for entry in entries(server, begun)]
    named = [sum(address in message for message in said) > 0 for address in ("203.0.113.9", "203.0.113.77")]
    figure(
        "C17",
        "10 wrong passwords, then the right one, from a client behind TRUSTED_PROXIES and from another",
        "429 for the first whatever it forges, 302 for the other; the log names the first, and nobody else",
        before="both are locked out, the log names the proxy",
        measured=f"{wrong[-1]}, {locked} and {others}",
        met=wrong == [200] * 9 + [429] and (locked, others) == (429, 302) and named[0] and "192.88." not in str(said),
        why=f"{wrong}\n" + "\n".join(said),
    )
    figure(
        "C17",
        f"{SIGN_INS + 1} sign-ins under as many names from one client behind the proxy",
        f"429 from the {SIGN_INS + 1}th on, named in the log",
        before="one limit for all behind the proxy",
        measured=f"{Counter(many)}",
        met=many == [200] * SIGN_INS + [429] and named[1],
        why="\n".join(said),
    )


def raw(path: str, key: str, hosts: tuple[str, ...], protocols: tuple[str, ...]) -> bytes:
    """Return a request that says those headers as often as there are values."""
    lines = [f"GET {path} HTTP/1.1", *(f"Host: {host}" for host in hosts)]
    lines += [f"X-Forwarded-Proto: {protocol}" for protocol in protocols]
    return "\r\n".join([*lines, f"Authorization: Bearer {key}", "Connection: close", "", ""]).encode()


def verdict(answer: bytes) -> str:
    """Return whether a request was refused for its host, redirected for its scheme, or let in."""
    status = re.match(rb"HTTP/1.1 (\d+)", answer)
    assert status, answer
    if b"\nlocation: https:" in answer.lower().partition(b"\r\n\r\n")[0]:
        return "redirected"
    return "refused" if status[1] == b"400" else "let in"


def test_headers__said_twice__one_verdict_on_all_of_the_front(server: FuzzServer, figure: Figure) -> None:
    hosts = [(HOST,), (HOST, HOST), (HOST, "evil.example"), ("evil.example", HOST), (f"{HOST}, evil.example",), ("",)]
    schemes: list[tuple[str, ...]] = [
        ("https",), ("http",), ("https", "http"), ("http", "https"), ("https, http",), ("http,https",), ("HTTPS",), (),
    ]  # fmt: skip
    with server.client() as client:  # so that one of the paths is answered from memory
        for _ in range(3):
            client.get(PATHS[1], headers=HTTPS | {"Authorization": f"Bearer {server.cast.key}"}).raise_for_status()
    verdicts = {
        case: {path: verdict(server.exchange(raw(path, server.cast.key, *case))) for path in PATHS}
        for case in itertools.product(hosts, schemes)
    }
    split = {case: found for case, found in verdicts.items() if len({*found.values()}) > 1}
    right = {case for case in verdicts if case[0] == (HOST,) and ", ".join(case[1]).partition(",")[0] == "https"}
    let_in = {case for case, found in verdicts.items() if "let in" in found.values()}
    figure(
        "A8",
        f"{len(verdicts)} combinations of Host and X-Forwarded-Proto, said twice or wrongly, at {len(PATHS)} addresses",
        "one verdict from hot read, chat and Django: let in is the one right host, first said to come by https",
        before="the front took the last one, Django both",
        measured=f"{len(split)} divided, {len(let_in)} let in",
        met=not split and let_in == right,
        why="\n".join(map(str, split.items())) + f"\n{let_in ^ right}",
    )


def test_log__json__each_line_with_the_id_of_its_request(server: FuzzServer, figure: Figure) -> None:
    """Django answers in threads, many at a time; what it says of an address must bear that request's id."""
    begun = server.log.stat().st_size

    def ask(number: int) -> httpx.Response:
        trace = f"{number + 1:032x}"
        given = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"} if number % 2 else {"X-Request-ID": f"mine-{number}"}
        hostile = {"Host": f"evil-{number}.example"} if number % 3 == 0 else {}
        return client.get(f"/nothing/{number}-%1b[2J%0a", headers=HTTPS | given | hostile)

    with server.client() as client, ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(REQUESTS)))
    ids = [f"{number + 1:032x}" if number % 2 else f"mine-{number}" for number in range(REQUESTS)]
    logged = entries(server, begun)
    said = [(re.search(r"(?:/nothing/|evil-)(\d+)", entry["message"]), entry.get("request_id")) for entry in logged]
    right = [found for found, request_id in said if found and ids[int(found[1])] == request_id]
    same = sum(answer.headers["X-Request-ID"] == ids[number] for number, answer in enumerate(answers))
    figure(
        "C21",
        f"log of {REQUESTS} requests in 20 threads with ids of their own, LOG_FORMAT=json",
        "each line an object with the id of its request, each answer too",
        before="lines of text, without an id",
        measured=f"{len(logged)} lines, {len(right)} with the right id; {same} answers",
        met=len(logged) >= REQUESTS and len(right) == len(logged) and same == REQUESTS,
        why="\n".join(
            map(str, [entry for entry, (found, _) in zip(logged, said, strict=True) if found not in right][:9])
        ),
    )


def test_hsts__by_default__an_hour_and_nothing_more(server: FuzzServer, figure: Figure) -> None:
    with server.client() as client:
        answers = [client.get(path, headers=HTTPS) for path in (*PATHS, "/livez", "/nothing")]
    said = {answer.headers.get("Strict-Transport-Security") for answer in answers}
    figure(
        "C22",
        f"Strict-Transport-Security of {len(answers)} answers with the defaults",
        "max-age=3600",
        before="a year, with subdomains and preload",
        measured=", ".join(map(str, said)),
        met=said == {"max-age=3600"},
    )
