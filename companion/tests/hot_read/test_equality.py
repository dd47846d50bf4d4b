"""Whatever the request, the hot reader answers exactly as Django would: status, headers, body."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from hypothesis.strategies import DrawFn, SearchStrategy

from companion.hot_read import HotReader
from companion.tests.asgi_client import HOST, PREFIX, AsgiClient, Headers, request, with_key
from companion.tests.hot_read.conftest import NAMES, Cast

SPELLINGS = [*NAMES, "Elara", " elara", "ｅｌａｒａ", "elara\n", "resolve", "*", "", "..", "a" * 101, "ﬀ", "\x00", "ſ"]
ENDS = ["/", "/", "/id/", "/id/", "", "/id", "//", "/id//", "/ID/", "/x/", "/id/x"]
QUERIES = [b"", b"", b"", b"a=1", b"format=json", b"format=xml", b"owner=global", b"%00", b"?"]
ETAGS = [b"*", b'"x"', b'"x", %s', b"%s", b"%s", b"W/%s", b"%s, %s", b"%s ", b"x", b'""']
HOSTS = [HOST.encode(), HOST.encode(), b"Companion.Example:8000", b"evil.example", b"", b"a b", b"companion.example."]
ACCEPTS = [b"*/*", b"application/json", b"application/json, text/plain, */*", b"application/json; indent=4", b"x",
           b"application/*", b"*/*;q=0", b"", b"text/html", b"text/html, */*;q=0.1"]  # fmt: skip
OTHERS: dict[bytes, list[bytes]] = {
    b"cookie": [b"sessionid=x", b"sessionid=" + b"x" * 32, b"csrftoken=" + b"x" * 32, b""],
    b"if-match": [b"*", b'"x"', b"%s"],
    b"if-modified-since": [b"Wed, 21 Oct 2015 07:28:00 GMT", b"x"],
    b"if-unmodified-since": [b"Wed, 21 Oct 2015 07:28:00 GMT"],
    b"range": [b"bytes=0-3"],
    b"content-length": [b"0", b"5", b"x", b"-1", b"99999999"],
    b"transfer-encoding": [b"chunked"],
    b"content-type": [b"application/json", b"text/plain; charset=utf-7", b"multipart/form-data"],
    b"accept-encoding": [b"gzip, br"],
    b"accept-language": [b"de"],
    b"origin": [b"https://evil.example"],
    b"x-forwarded-proto": [b"https", b"http", b"https, http", b"HTTPS", b""],
    b"x_forwarded_proto": [b"https"],
    b"x-forwarded-host": [b"evil.example"],
    b"x-http-method-override": [b"DELETE"],
    b"x-requested-with": [b"XMLHttpRequest"],
    b"user-agent": [b"curl/8", b"\xff"],
}


def credentials(cast: Cast) -> SearchStrategy[bytes]:
    keys = [key.encode() for key in cast]
    forms = [b"Bearer %s"] * 6 + [b"bearer %s", b"BEARER %s", b"Bearer  %s", b"Bearer %s ", b"Bearer\t%s", b"Basic %s",
                                  b"%s", b"Bearer %sx", b"Bearer %s, Bearer %s", b"Bearer \xff%s"]  # fmt: skip
    good = some.builds(lambda form, key: form.replace(b"%s", key), some.sampled_from(forms), some.sampled_from(keys))
    wrong = some.sampled_from(keys).map(lambda key: b"Bearer " + key[:-1] + (b"x" if key[-1:] != b"x" else b"y"))
    return some.one_of(good, good, wrong, some.binary(max_size=60).filter(lambda raw: not {0, 10, 13} & set(raw)))


def parts(cast: Cast) -> dict[str, tuple[Any, SearchStrategy[Any]]]:
    """The parts of a request: each as in a plain read, and a strategy for other values."""
    names = some.sampled_from(SPELLINGS) | some.text(max_size=8)
    return {
        "method": ("GET", some.sampled_from(["HEAD", "OPTIONS", "POST", "get", "TRACE"])),
        "name": ("elara", names),
        "end": ("/", some.sampled_from(ENDS)),
        "query_string": (b"", some.sampled_from(QUERIES)),
        "root_path": ("", some.sampled_from(["/api", "/x"])),
        "scheme": ("http", some.just("https")),
        "authorization": (f"Bearer {cast.otto}".encode(), credentials(cast)),
        "host": (HOST.encode(), some.sampled_from(HOSTS)),
        "accept": (b"*/*", some.sampled_from(ACCEPTS)),
        "if-none-match": (None, some.sampled_from(ETAGS)),
        "more": ([], some.lists(some.sampled_from(sorted(OTHERS)), min_size=1, max_size=2, unique=True)),
        "twice": (False, some.just(True)),
        "missing": (False, some.just(True)),
    }


@some.composite
def requests(draw: DrawFn, cast: Cast, etags: list[bytes], usual: Headers) -> dict[str, Any]:
    """Plain reads with some parts changed: that is where the two could differ."""
    known = parts(cast)
    changed = draw(some.lists(some.sampled_from(sorted(known)), max_size=4, unique=True))
    part = {name: draw(other) if name in changed else plain for name, (plain, other) in known.items()}
    named = [(name, part[name]) for name in ("authorization", "host", "accept", "if-none-match") if part[name]]
    headers = [(name.encode(), value) for name, value in named] + usual
    headers += [(name, draw(some.sampled_from(OTHERS[name]))) for name in part["more"]]
    headers += [draw(some.sampled_from(headers))] if part["twice"] else []
    if part["missing"]:
        headers.pop(draw(some.integers(0, len(headers) - 1)))
    headers = [(name, value.replace(b"%s", draw(some.sampled_from(etags)))) for name, value in headers]
    others = {name: part[name] for name in ("method", "query_string", "root_path", "scheme")}
    return request(f"{PREFIX}{part['name']}{part['end']}", headers, **others)


class Counting:
    """Counts the requests that reach the specification."""

    def __init__(self, application: Any) -> None:
        self.application, self.asked = application, 0

    async def __call__(self, *arguments: Any) -> None:
        self.asked += 1
        await self.application(*arguments)


@pytest.mark.parametrize("deployment", ["plain", "https"], indirect=True)
def test_reader__any_request__as_django(
    warm: None, cast: Cast, django: Any, ask: AsgiClient, deployment: Headers
) -> None:
    paths = [f"{PREFIX}elara/{end}" for end in ("", "id/")]
    etags = [ask(django, request(path, with_key(cast.otto) + deployment)).header(b"etag") for path in paths]
    counting = Counting(django)
    reader, asked = HotReader(counting), 0

    @settings(max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(requests(cast, etags, deployment))
    def same(scope: dict[str, Any]) -> None:
        nonlocal asked
        asked += 1
        ask(django, scope)  # the first says that it had to look
        # Again, where a machine so busy that no news of the change log came for 1.2 s made one of them look once more.
        assert any(ask(reader, scope) == ask(django, scope) for _ in range(3)), (ask(reader, scope), ask(django, scope))

    same()
    assert asked - counting.asked > asked / 10, "too few of the requests were plain ones to prove anything"
