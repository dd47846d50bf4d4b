"""What the hot reader answers by itself, and that it stops when it must."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts import verification
from accounts.models import ApiKey
from companion.hot_read import HotReader
from companion.tests.asking import PREFIX, Asking, asked_by, request
from companion.tests.hot_read.conftest import Cast
from personalities.cache import personalities
from personalities.models import Personality

pytestmark = pytest.mark.usefixtures("warm")
ELARA = f"{PREFIX}elara/"


@pytest.fixture
def alone() -> HotReader:
    """There is no Django behind it."""

    async def nobody(*_: Any) -> None:
        raise LookupError

    return HotReader(nobody)


def test_reader__plain_read__without_django(alone: HotReader, cast: Cast, ask: Asking) -> None:
    for name in ("elara", "Elara"):
        said = ask(alone, request(f"{PREFIX}{name}/", asked_by(cast.otto)))
        assert (said.status, said.body) == (200, Personality.objects.get_config("elara").json)
        assert said.header(b"server-timing") == b'lookup;desc="near"'


def test_reader__server_that_leaves_out_what_it_may__without_django(alone: HotReader, cast: Cast, ask: Asking) -> None:
    scope = request(ELARA, asked_by(cast.otto))
    for name in ("query_string", "root_path", "scheme"):
        del scope[name]
    assert ask(alone, scope).status == 200


def test_reader__only_the_id__without_django(alone: HotReader, cast: Cast, ask: Asking) -> None:
    said = ask(alone, request(f"{ELARA}id/", asked_by(cast.otto)))
    assert said.body == b'{"id":"%s"}' % str(Personality.objects.get_id("elara")).encode()


def test_reader__own_and_global__own_for_its_owner(alone: HotReader, cast: Cast, ask: Asking) -> None:
    own, everybodys = (ask(alone, request(ELARA, asked_by(key))).body for key in (cast.ursula, cast.otto))
    assert b"Mine." in own
    assert b"Mine." not in everybodys


@pytest.mark.parametrize("path", [ELARA, f"{ELARA}id/"])
def test_reader__etag_known__304_until_an_edit(alone: HotReader, cast: Cast, ask: Asking, path: str) -> None:
    etag = ask(alone, request(path, asked_by(cast.otto))).header(b"etag")
    said = ask(alone, request(path, asked_by(cast.otto, if_none_match=etag)))
    assert (said.status, said.body, said.header(b"etag")) == (304, b"", etag)


def test_reader__edited__the_next_read_is_new(reader: HotReader, cast: Cast, ask: Asking) -> None:
    before = ask(reader, request(ELARA, asked_by(cast.otto)))
    Personality.objects.filter(personality_name="elara").update(greeting="New.")
    after = ask(reader, request(ELARA, asked_by(cast.otto, if_none_match=before.header(b"etag"))))
    assert (after.status, b"New." in after.body) == (200, True)
    assert after.header(b"etag") != before.header(b"etag")


def test_reader__key_revoked_or_user_deactivated__401(reader: HotReader, cast: Cast, ask: Asking) -> None:
    ApiKey.objects.get(user__username="otto").revoke()
    User.objects.get(username="ursula").delete()
    for key in cast:
        assert ask(reader, request(ELARA, asked_by(key))).status == 401


@pytest.mark.parametrize("more", [{"cookie": b"a=b"}, {"accept": b"text/html"}, {"if_match": b"*"}, {"host": b"x"}])
def test_reader__not_plain__handed_on(alone: HotReader, cast: Cast, ask: Asking, more: dict[str, bytes]) -> None:
    with pytest.raises(LookupError):
        ask(alone, request(ELARA, asked_by(cast.otto, **more)))


def test_reader__out_of_touch_with_postgresql__handed_on_to_be_marked(
    alone: HotReader, reader: HotReader, cast: Cast, ask: Asking, out_of_touch: Callable[[float], None]
) -> None:
    out_of_touch(100)
    with pytest.raises(LookupError):
        ask(alone, request(ELARA, asked_by(cast.otto)))
    assert b"unverified" in ask(reader, request(ELARA, asked_by(cast.otto))).header(b"server-timing")


def test_reader__answers__are_counted(alone: HotReader, cast: Cast, ask: Asking) -> None:
    kinds = personalities, verification.keys, verification.users
    before = [kind.lookups["near", True] for kind in kinds]
    for _ in range(3):
        ask(alone, request(ELARA, asked_by(cast.otto)))
    assert [kind.lookups["near", True] for kind in kinds] == [count + 3 for count in before]
