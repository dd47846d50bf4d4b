"""Headers and addresses beyond their bounds are refused before anybody parses them, each in the words of its front."""

import json
from typing import Any

import pytest

from companion.header_limits import (
    CHARSETS,
    MAX_ADDRESS,
    MAX_LIST,
    HeaderLimits,
)
from companion.mount import is_secure_request
from companion.tests.asgi_client import HOST, PREFIX, Answer, AsgiClient, Headers, request

PAGES = ["/", "/admin/login/", "/livez"]
PROGRAMS = [f"{PREFIX}elara/", "/api/nothing", "/metrics"]
CHAT = ["/v1/models", "/v1/chat/completions", "/chat/completions"]
LONGEST = {"host": 255, "content-type": 255, "content-length": 255, "accept": MAX_LIST, "x-forwarded-for": MAX_LIST,
           "cookie": 8192, "authorization": 8192, "if-none-match": 8192, "x-any": 8192}  # fmt: skip


class Counting:
    """Counts the requests that are let through."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def asked(ask: AsgiClient, path: str, headers: Headers, **others: Any) -> Answer:
    """Ask for `path`; either it is answered with 200, or what is behind the limits never heard of it."""
    behind = Counting()
    usual = [] if b"host" in dict(headers) else [(b"host", HOST.encode())]
    scope = request(path, [*usual, *headers], **others)
    answer = ask(HeaderLimits(behind), scope)
    assert behind.asked == (answer.status == 200)
    return answer


@pytest.mark.parametrize(("name", "longest"), LONGEST.items())
def test_header__one_byte_too_long__431_by_its_name(ask: AsgiClient, name: str, longest: int) -> None:
    def status(length: int) -> Answer:
        return asked(ask, "/api/", [(name.encode(), b"x" * length)])

    assert status(longest).status == 200
    refused = status(longest + 1)
    assert refused.status == 431
    assert list(json.loads(refused.body)["errors"]) == [name.title()]


@pytest.mark.parametrize("path", PROGRAMS)
def test_refusal__for_programs__a_problem(ask: AsgiClient, path: str) -> None:
    answer = asked(ask, path, [(b"content-type", b"x" * 60_000)])
    assert (answer.status, answer.header(b"content-type")) == (431, b"application/problem+json")
    assert json.loads(answer.body)["errors"] == {"Content-Type": ["Content-Type: at most 255 bytes are read."]}


@pytest.mark.apps("chat")
@pytest.mark.parametrize("path", [*CHAT, "/below/v1/models"])
def test_refusal__for_chat__openais_error(ask: AsgiClient, path: str) -> None:
    root = "/below" * path.startswith("/below")
    answer = asked(ask, path, [(b"content-type", b"x" * 60_000)], root_path=root)
    assert (answer.status, answer.header(b"content-type")) == (431, b"application/json")
    error = json.loads(answer.body)["error"]
    assert error == {"message": "Content-Type: at most 255 bytes are read.", "type": "invalid_request_error",
                     "param": "Content-Type", "code": None}  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_refusal__for_people__one_line(ask: AsgiClient, path: str) -> None:
    answer = asked(ask, path, [(b"content-type", b"x" * 60_000)])
    assert answer.header(b"content-type") == b"text/plain; charset=utf-8"
    assert answer.body == b"431 Request Header Fields Too Large. Content-Type: at most 255 bytes are read."
    assert (answer.header(b"cache-control"), answer.header(b"x-content-type-options")) == (b"no-store", b"nosniff")


@pytest.mark.parametrize(("name", "longest"), LONGEST.items())
def test_header__often__431_where_all_together_are_too_long(ask: AsgiClient, name: str, longest: int) -> None:
    def status(length: int) -> int:
        """Of four headers, whose values are joined by commas."""
        lengths = [length - 3 * 32, 31, 31, 31]
        return asked(ask, "/livez", [(name.encode(), b"x" * each) for each in lengths]).status

    assert status(longest) == 200
    assert status(longest + 1) == 431


@pytest.mark.parametrize("value", [b"**=", b"*0*=", b"*1 =", b"*0**="])
def test_encoded_parameter__in_any_spelling__refused(ask: AsgiClient, value: bytes) -> None:
    assert asked(ask, "/", [(b"accept", b"a/b;x" + value + b"utf-8''c")]).status == 400
    assert asked(ask, "/", [(b"content-type", b"a/b;x" + value + b"utf-8''c")]).status == 415


@pytest.mark.parametrize(("number", "status"), [(256, 200), (257, 400)])
def test_cookie__escapes__few_are_read(ask: AsgiClient, number: int, status: int) -> None:
    assert asked(ask, "/", [(b"cookie", b'a="' + b"\\" * number + b'"')]).status == status


def test_headers__too_many__431(ask: AsgiClient) -> None:
    assert asked(ask, "/api/", [(b"x", b"")] * 99).status == 200
    assert asked(ask, "/api/", [(b"x", b"")] * 100).status == 431


def test_headers__too_long_together__431(ask: AsgiClient) -> None:
    full = [(b"x%d" % each, b"y" * 8192) for each in range(3)]
    left = 32 * 1024 - len(b"host" + HOST.encode()) - 3 * (2 + 8192) - 1
    for length, status in ((left, 200), (left + 1, 431)):
        assert asked(ask, "/api/", [*full, (b"x", b"y" * length)]).status == status


def test_headers__too_long_a_name__431_and_not_repeated_whole(ask: AsgiClient) -> None:
    assert asked(ask, "/api/", [(b"x" * 256, b"")]).status == 200
    assert asked(ask, "/api/", [(b"x" * 257, b"")]).status == 431
    answer = asked(ask, "/api/", [(b"x" * 60_000, b"")])
    assert (answer.status, len(answer.body) < 1000) == (431, True)


def test_headers__a_name_as_long_as_it_may_be__told_what_else_is_wrong(ask: AsgiClient) -> None:
    answer = asked(ask, "/livez", [(b"x" * 256, b"y" * 8193)])
    assert answer.body.endswith(b": at most 8192 bytes are read.")


@pytest.mark.parametrize(
    ("framing", "status"),
    [
        ({b"content-length": b"5"}, 200),
        ({b"transfer-encoding": b"Chunked"}, 200),
        ({b"transfer-encoding": b"gzip, chunked"}, 400),
        ({b"content-length": b"5", b"transfer-encoding": b"chunked"}, 400),
    ],
)
def test_body__of_which_the_end_is_not_clear__400(ask: AsgiClient, framing: dict[bytes, bytes], status: int) -> None:
    """Whether there are other headers or not."""
    for others in ([], [(b"x-any", b"x")]):
        behind = Counting()
        assert ask(HeaderLimits(behind), request("/", [*framing.items(), *others])).status == status
        assert behind.asked == (status == 200)


@pytest.mark.parametrize(("path", "query"), [("x" * MAX_ADDRESS, b""), ("", b"x" * MAX_ADDRESS)])
def test_address__too_long__414(ask: AsgiClient, path: str, query: bytes) -> None:
    assert asked(ask, f"/{path[1:]}", [], query_string=query[1:]).status == 200
    assert asked(ask, f"/{path}", [], query_string=query).status == 414


GOOD = [b"application/json", b"application/json; charset=utf-8", b'text/plain;charset="UTF-8"',
        b"multipart/form-data; boundary=----WebKitFormBoundaryx9", b"application/x-www-form-urlencoded",
        b"a/b" + b"".join(f"; charset={charset}".encode() for charset in sorted(CHARSETS))]  # fmt: skip
BAD = [b"application/json; charset*=bad''x", b"a/b; x*0*=bad''x", b"a/b; x*\x85=bad''x", b"a/b; charset=bz2_codec",
       b"a/b; CharSet = invented", b'a/b; charset="invented"', b"a/b; charset=utf-8; charset=invented"]  # fmt: skip


@pytest.mark.parametrize("kind", GOOD)
def test_content_type__ordinary__let_through(ask: AsgiClient, kind: bytes) -> None:
    assert asked(ask, "/", [(b"content-type", kind)]).status == 200


@pytest.mark.parametrize("kind", BAD)
def test_content_type__charset_that_is_looked_for__415(ask: AsgiClient, kind: bytes) -> None:
    answer = asked(ask, "/api/", [(b"content-type", kind)])
    assert (answer.status, list(json.loads(answer.body)["errors"])) == (415, ["Content-Type"])


@pytest.mark.parametrize("path", [f"{PREFIX}elara/", "/v1/models", "/livez"])
def test_host__many_long_ones__none_remembered(application: Any, ask: AsgiClient, path: str) -> None:
    before = is_secure_request.cache_info().currsize
    for number in range(5):
        headers = [(b"host", b"%d" % number * 60_000), (b"authorization", b"Bearer x")]
        assert ask(application, request(path, headers)).status == 431
    assert is_secure_request.cache_info().currsize == before


def test_accept__encoded_parameter__400(ask: AsgiClient) -> None:
    assert asked(ask, "/api/", [(b"accept", b"application/json; x*=bad''x")]).status == 400
    assert asked(ask, "/api/", [(b"accept", b"text/html, */*;q=0.8")]).status == 200
