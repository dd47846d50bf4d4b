"""What the hot reader answers from memory, and when it hands on."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts import verification
from accounts.models import ApiKey
from companion.hot_read import HotReader
from companion.shutdown import shutdown
from companion.slow_peers import slow_peers
from companion.tests.asgi_client import PREFIX, AsgiClient, request, with_key
from companion.tests.hot_read.conftest import Cast
from personalities.cache import config_cache
from personalities.models import Personality

pytestmark = pytest.mark.usefixtures("warm")
ELARA = f"{PREFIX}elara/"


@pytest.fixture
def alone() -> HotReader:
    """A hot reader without Django behind it."""

    async def no_django(*_: Any) -> None:
        raise LookupError

    return HotReader(no_django)


def test_reader__plain_read__without_django(alone: HotReader, cast: Cast, ask: AsgiClient) -> None:
    for name in ("elara", "Elara"):
        answer = ask(alone, request(f"{PREFIX}{name}/", with_key(cast.otto)))
        assert (answer.status, answer.body) == (200, Personality.objects.get_config("elara").json)
        assert answer.header(b"server-timing") == b'lookup;desc="near"'


def test_reader__server_that_leaves_out_what_it_may__without_django(
    alone: HotReader, cast: Cast, ask: AsgiClient
) -> None:
    scope = request(ELARA, with_key(cast.otto))
    for name in ("query_string", "root_path", "scheme"):
        del scope[name]
    assert ask(alone, scope).status == 200


def test_reader__only_the_id__without_django(alone: HotReader, cast: Cast, ask: AsgiClient) -> None:
    answer = ask(alone, request(f"{ELARA}id/", with_key(cast.otto)))
    assert answer.body == b'{"id":"%s"}' % str(Personality.objects.get_id("elara")).encode()


def test_reader__others_wait_to_be_let_in__connection_closed(
    alone: HotReader, cast: Cast, ask: AsgiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = ask(alone, request(ELARA, with_key(cast.otto)))
    monkeypatch.setattr(slow_peers, "is_full", True)
    closed = ask(alone, request(ELARA, with_key(cast.otto)))
    assert sorted([*kept.headers, (b"connection", b"close")]) == closed.headers


def test_reader__own_and_global__own_for_its_owner(alone: HotReader, cast: Cast, ask: AsgiClient) -> None:
    own, everybodys = (ask(alone, request(ELARA, with_key(key))).body for key in (cast.ursula, cast.otto))
    assert b"Mine." in own
    assert b"Mine." not in everybodys


@pytest.mark.parametrize("path", [ELARA, f"{ELARA}id/"])
def test_reader__etag_known__304_until_an_edit(alone: HotReader, cast: Cast, ask: AsgiClient, path: str) -> None:
    etag = ask(alone, request(path, with_key(cast.otto))).header(b"etag")
    answer = ask(alone, request(path, with_key(cast.otto, if_none_match=etag)))
    assert (answer.status, answer.body, answer.header(b"etag")) == (304, b"", etag)


def test_reader__edited__the_next_read_is_new(reader: HotReader, cast: Cast, ask: AsgiClient) -> None:
    before = ask(reader, request(ELARA, with_key(cast.otto)))
    Personality.objects.filter(personality_name="elara").update(greeting="New.")
    after = ask(reader, request(ELARA, with_key(cast.otto, if_none_match=before.header(b"etag"))))
    assert (after.status, b"New." in after.body) == (200, True)
    assert after.header(b"etag") != before.header(b"etag")


def test_reader__key_revoked_or_user_deactivated__401(reader: HotReader, cast: Cast, ask: AsgiClient) -> None:
    ApiKey.objects.get(user__username="otto").revoke()
    User.objects.get(username="ursula").delete()
    for key in cast:
        assert ask(reader, request(ELARA, with_key(key))).status == 401


@pytest.mark.parametrize("more", [{"cookie": b"a=b"}, {"accept": b"text/html"}, {"if_match": b"*"}, {"host": b"x"}])
def test_reader__not_plain__handed_on(alone: HotReader, cast: Cast, ask: AsgiClient, more: dict[str, bytes]) -> None:
    with pytest.raises(LookupError):
        ask(alone, request(ELARA, with_key(cast.otto, **more)))


def test_reader__about_to_stop__handed_on(
    alone: HotReader, cast: Cast, ask: AsgiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutdown, "begun", True)
    with pytest.raises(LookupError):
        ask(alone, request(ELARA, with_key(cast.otto)))


def test_reader__no_request__handed_on(alone: HotReader, ask: AsgiClient) -> None:
    with pytest.raises(LookupError, match="^$"):  # not a KeyError, for what such a scope has not
        ask(alone, {"type": "lifespan"})


def test_reader__out_of_touch_with_postgresql__handed_on_to_be_marked(
    alone: HotReader, reader: HotReader, cast: Cast, ask: AsgiClient, out_of_touch: Callable[[float], None]
) -> None:
    out_of_touch(100)
    with pytest.raises(LookupError):
        ask(alone, request(ELARA, with_key(cast.otto)))
    assert b"unverified" in ask(reader, request(ELARA, with_key(cast.otto))).header(b"server-timing")


def test_reader__answers__are_counted(alone: HotReader, cast: Cast, ask: AsgiClient) -> None:
    kinds = config_cache, verification.keys, verification.users
    before = [kind.lookups["near", True] for kind in kinds]
    for _ in range(3):
        ask(alone, request(ELARA, with_key(cast.otto)))
    assert [kind.lookups["near", True] for kind in kinds] == [count + 3 for count in before]
