"""clear_preferences_cache ends copies in every process, and deletes no key but its own."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from personalities.models import Personality
from personalities.prompt import Wishes
from preferences.models import Preferences
from preferences.tests.another_process import another_process
from preferences.tests.commands import AUDIT, CLEAR, name, run, unnoticed
from tests.waiting import wait_until
from tooling.processes import SupervisedServer

pytestmark = pytest.mark.django_db(transaction=True)
CALM = Wishes(tone="calm", call_me="Sam")
FOREIGN = ("prefs:007", "prefs:", "prefs:ursula", "prefs:1:notes", "prefs:-1", "prefs:0", "prefs:*", "personality:1",
           f"prefs:{'9' * 5000}")  # fmt: skip


def test_keys_of_others__not_compared_and_left_alone(cached: User, redis: Any) -> None:
    foreign = {settings.REDIS_KEY_PREFIX + key for key in FOREIGN} | {f"{settings.REDIS_KEY_PREFIX}x:prefs:1"}
    for key in foreign:
        redis.set(key, "x")
    assert '"compared": 1' in run(AUDIT, "--json")
    assert run(CLEAR) == "1 keys deleted.\n"
    assert {key.decode() for key in redis.keys(f"{settings.REDIS_KEY_PREFIX}*")} == foreign


def test_clear__all__no_copy_is_left_or_believed(cached: User, other_cached: User, redis: Any) -> None:
    assert json.loads(run(CLEAR, "--json")) == {"deleted": 2, "redis": "ok"}
    assert not redis.keys(f"{settings.REDIS_KEY_PREFIX}prefs:*")
    assert {Preferences.objects.lookup(user).source for user in (cached, other_cached)} == {"database"}


def test_clear__named__theirs_alone(cached: User, other_cached: User, redis: Any) -> None:
    Personality.objects.create(personality_name="elara")
    Personality.objects.get_config("elara")
    assert run(CLEAR, "ursula") == "1 keys deleted.\n"
    assert (redis.exists(name(cached)), redis.exists(name(other_cached))) == (0, 1)
    assert Preferences.objects.lookup(cached).source == "database"
    assert Preferences.objects.lookup(other_cached).source == Personality.objects.lookup("elara").source == "near"
    assert run(CLEAR, "ursula", "stella") == "2 keys deleted.\n"


def test_clear__redis_and_memory_are_wrong__the_row_counts(
    plant: Callable[..., None], cached: User, clear_memory: Callable[[], None]
) -> None:
    plant(tone="neutral")
    clear_memory()
    assert Preferences.objects.wishes_of(cached).tone == "neutral"
    run(CLEAR, "ursula")
    assert Preferences.objects.wishes_of(cached) == CALM


@pytest.mark.parametrize("usernames", [(), ("ursula",)])
def test_clear__redis_stopped__processes_forget_and_it_says_what_did_not_happen(
    own_redis: SupervisedServer, cached: User, usernames: tuple[str, ...]
) -> None:
    own_redis.stop()
    said = StringIO()
    call_command(CLEAR, *usernames, stdout=StringIO(), stderr=said)
    assert "No copy from before is served any more, but none was deleted: Redis at" in said.getvalue()
    assert Preferences.objects.lookup(cached).source == "database"


@pytest.mark.parametrize("usernames", [(), ("ursula",)])
@pytest.mark.parametrize("stopped", [False, True])
def test_clear__what_another_process_remembers_is_wrong__it_reads_anew(
    own_redis: SupervisedServer, cached: User, settings: Any, usernames: tuple[str, ...], stopped: bool
) -> None:
    if stopped:
        own_redis.stop()
    with another_process(settings) as ask:
        assert ask(cached.pk) == ["calm", "database" if stopped else "redis"]
        unnoticed("UPDATE preferences_preferences SET tone = 'neutral'")
        assert ask(cached.pk) == ["calm", "near"]
        run(CLEAR, *usernames)
        wait_until(lambda: ask(cached.pk)[0] == "neutral")


@pytest.mark.parametrize("command", [AUDIT, CLEAR])
def test_username__of_nobody__refused_and_nothing_done(cached: User, redis: Any, command: str) -> None:
    with pytest.raises(CommandError, match="^username: there is no user 'Ursula', '\\*'$"):
        run(command, "ursula", "Ursula", "*")
    assert redis.exists(name(cached))
    assert Preferences.objects.lookup(cached).source == "near"


def test_clear__ten_thousand__all_of_them(db: None, redis: Any) -> None:
    redis.mset({f"{settings.REDIS_KEY_PREFIX}prefs:{number}": "x" for number in range(1, 10_001)})
    assert run(CLEAR) == "10000 keys deleted.\n"


def test_clear__somebody_without_wishes__remembered_nothing_ends_too(user: User) -> None:
    for _ in range(2):
        Preferences.objects.lookup(user)
    assert Preferences.objects.lookup(user).source == "near"
    run(CLEAR, "ursula")
    assert Preferences.objects.lookup(user).source == "database"
