"""audit_preferences_cache finds what is planted."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from preferences.cache import codec
from preferences.models import Preferences
from preferences.tests.commands import AUDIT, CLEAR, name, run, unnoticed
from tests.database import sql
from tooling.processes import SupervisedServer

pytestmark = pytest.mark.django_db(transaction=True)


def audit(*usernames: str) -> tuple[dict[str, Any], bool]:
    """What it exports, and whether it fails."""
    out = StringIO()
    try:
        call_command(AUDIT, *usernames, "--json", stdout=out)
    except CommandError:
        return json.loads(out.getvalue()), True
    return json.loads(out.getvalue()), False


def found(compared: int, verdict: str, *users: User) -> dict[str, Any]:
    """All of `compared` copies are sound but those of `users`."""
    counts = {"sound": compared - len(users), "outdated": 0, "incompatible": 0, "foreign": 0, "wrong": 0}
    copies = [{"key": codec.redis_key(user.pk), "verdict": verdict} for user in users]
    return {"compared": compared} | counts | ({verdict: len(users)} if users else {}) | {"copies": copies}


def test_audit__nothing_wrong__says_so(cached: User, other_cached: User) -> None:
    assert audit() == (found(2, "wrong"), False)
    assert audit("ursula") == (found(1, "wrong"), False)


def test_audit__no_copy__none_compared(user: User, staff: User) -> None:
    Preferences.objects.create(user=user, tone="calm")
    assert audit() == audit("ursula", "stella") == (found(0, "wrong"), False)


def test_audit__another_tone_planted__wrong(plant: Callable[..., None], cached: User, other_cached: User) -> None:
    plant(tone="neutral")
    assert audit() == (found(2, "wrong", cached), True)
    assert audit("stella")[1] is False


def test_audit__wrong__a_person_reads_which_and_why(plant: Callable[..., None], cached: User) -> None:
    plant(tone="neutral")
    out = StringIO()
    with pytest.raises(CommandError, match=f"1 wrong or damaged: prefs:{cached.pk}"):
        call_command(AUDIT, stdout=out)
    assert "not what the row says, and served" in out.getvalue()
    counted = "0 sound, 0 outdated, 0 incompatible, 0 foreign, 1 wrong."
    assert f"1 copies compared with their rows: {counted}" in out.getvalue()


@pytest.mark.parametrize("garbage", [b"", b"{", b"null", b"[]", b'{"x": 1}', b"\x80\x04K\x01."])
def test_audit__damaged__foreign(cached: User, other_cached: User, redis: Any, garbage: bytes) -> None:
    redis.set(name(cached), garbage)
    assert audit() == (found(2, "foreign", cached), True)
    assert audit("ursula") == (found(1, "foreign", cached), True)


def test_audit__a_list_under_the_key__foreign(cached: User, other_cached: User, redis: Any) -> None:
    redis.delete(name(cached))
    redis.rpush(name(cached), "x")
    assert audit() == (found(2, "foreign", cached), True)


@pytest.mark.parametrize("meta", [{"user": 0}, {"number": 2**62}, {"shape": codec.fingerprint[:-1]}])
def test_audit__of_somebody_else_the_future_or_an_unknown_shape__foreign(
    plant: Callable[..., None], cached: User, meta: dict[str, Any]
) -> None:
    plant(meta)
    assert audit() == (found(1, "foreign", cached), True)


def test_audit__of_another_release__incompatible_and_harmless(plant: Callable[..., None], cached: User) -> None:
    plant({"shape": "0123456789ab"}, loudness="quiet")
    assert audit() == (found(1, "incompatible", cached), False)


def test_audit__of_a_release_that_named_no_history__incompatible_and_harmless(cached: User, redis: Any) -> None:
    copy = json.loads(redis.get(name(cached)))
    del copy["meta"]["history"]
    redis.set(name(cached), json.dumps(copy))
    assert audit() == (found(1, "incompatible", cached), False)


def test_audit__of_a_history_that_is_over__outdated_and_harmless(plant: Callable[..., None], cached: User) -> None:
    plant({"history": "before a failover"})
    assert audit() == (found(1, "outdated", cached), False)


def test_audit__an_older_copy__outdated_and_harmless(cached: User, other_cached: User) -> None:
    sql("UPDATE preferences_preferences SET tone = 'neutral' WHERE user_id = %s", cached.pk)
    assert audit() == (found(2, "outdated", cached), False)
    assert Preferences.objects.wishes_of(cached).tone == "neutral"


def test_audit__copy_of_a_deleted_user__outdated_and_harmless(cached: User, redis: Any) -> None:
    copy, pk = redis.get(name(cached)), cached.pk
    cached.delete()
    cached.pk = pk
    redis.set(name(cached), copy)
    assert audit() == (found(1, "outdated", cached), False)


def test_audit__a_row_gone_unnoticed__wrong(cached: User) -> None:
    unnoticed("DELETE FROM preferences_preferences")
    assert audit() == (found(1, "wrong", cached), True)


def test_audit__a_number_that_no_user_has__foreign_and_cleared(user: User, redis: Any) -> None:
    user.pk = 2**63 - 1
    redis.set(name(user), "x")
    assert audit() == (found(1, "foreign", user), True)
    assert run(CLEAR) == "1 keys deleted.\n"


@pytest.mark.parametrize("number", [2**63, 10**19 - 1, 10**19])
def test_audit__a_number_that_no_user_can_have__none_of_ours(number: int, user: User, redis: Any) -> None:
    user.pk = number
    redis.set(name(user), "x")
    assert audit() == (found(0, "wrong"), False)
    assert run(CLEAR) == "0 keys deleted.\n"
    assert redis.exists(name(user))


@pytest.mark.parametrize("usernames", [(), ("ursula",)])
def test_audit__redis_stopped_or_off__fails_loudly(
    own_redis: SupervisedServer, cached: User, settings: Any, usernames: tuple[str, ...]
) -> None:
    own_redis.stop()
    with pytest.raises(CommandError, match="did not answer"):
        run(AUDIT, *usernames)
    settings.REDIS_ENABLED, settings.CACHES = False, {"default": django_settings.NO_CACHE}
    with pytest.raises(CommandError, match="REDIS_ENABLED=false"):
        run(AUDIT, *usernames)
