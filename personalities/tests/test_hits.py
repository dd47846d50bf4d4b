"""Lookups that are answered from memory: by any spelling, for each owner, and never longer than they are true."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from coherence.cache import Answer
from coherence.feed import feed, invalidate_everything
from coherence.listener import listener
from coherence.local_cache import Copy
from personalities.cache import COPIES_PER_TEXT, LEAST_BYTES, Key, bytes_in_memory, config_cache
from personalities.lookup import config_from_memory
from personalities.models import Personality

pytestmark = pytest.mark.django_db(transaction=True)
Queries = Callable[[int], Any]
SPELLINGS = ("elara", "Elara", " ELARA ", "ｅｌａｒａ")


@pytest.fixture
def elara() -> Personality:
    row = Personality.objects.create(personality_name="elara", greeting="old")
    Personality.objects.get_id("elara")
    return row


def greetings(owner: User | None = None) -> set[str | None]:
    return {Personality.objects.get_config(name, owner).greeting for name in SPELLINGS}


def held(keys: list[Key]) -> int:
    """How many copies of `keys` anybody keeps alive."""
    gc.collect()
    return sum(type(each) is Copy and each.key in keys for each in gc.get_objects())


def test_hit__any_spelling_twice__the_same_object_without_a_query(
    elara: Personality, django_assert_num_queries: Queries
) -> None:
    with django_assert_num_queries(0):
        found = {id(Personality.objects.get_config(name)) for name in SPELLINGS * 2}
    assert len(found) == 1


def test_hit__memory_cleared__asked_anew_by_each_spelling(elara: Personality, clear_memory: Callable[[], None]) -> None:
    greetings()
    clear_memory()
    assert Personality.objects.lookup(SPELLINGS[-1]).source == "redis"


def test_hit__edited_and_edited_again__each_spelling_knows(elara: Personality) -> None:
    assert greetings() == {"old"}
    for greeting in ("new", "newer"):
        elara.greeting = greeting
        elara.save()
        assert greetings() == {greeting}


def test_hit__renamed__no_spelling_finds_it(elara: Personality) -> None:
    greetings()
    elara.personality_name = "seraphina"
    elara.save()
    for name in SPELLINGS:
        with pytest.raises(Personality.DoesNotExist):
            Personality.objects.get_id(name)


def test_hit__an_owner_has_one_of_that_name__each_gets_theirs(elara: Personality, user: User) -> None:
    assert greetings() == greetings(user) == {"old"}
    own = Personality.objects.create(personality_name="elara", owner=user, greeting="own")
    assert (greetings(), greetings(user)) == ({"old"}, {"own"})
    own.delete()
    assert greetings() == greetings(user) == {"old"}


def test_hit__more_names_than_are_kept__all_answered_and_bounded(
    elara: Personality, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_cache, "capacity", 2)
    monkeypatch.setattr(config_cache.positive, "capacity", 2)
    for _ in range(2):
        assert greetings() == {"old"}
    Personality.objects.bulk_create([Personality(personality_name=f"n-{number}") for number in range(5)])
    for _ in range(2):
        assert {Personality.objects.get_config(f"n-{number}").personality_name for number in range(5)} == {
            f"n-{number}" for number in range(5)
        }
    assert greetings() == {"old"}
    assert len(config_cache.positive) <= 2


def test_hit__more_names_than_are_kept__nothing_holds_on_to_the_copies_of_others(
    elara: Personality, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_cache, "capacity", 2)
    monkeypatch.setattr(config_cache.positive, "capacity", 2)
    keys: list[Key] = [(None, f"one-of-many-{number}") for number in range(20)]
    Personality.objects.bulk_create([Personality(personality_name=name) for _, name in keys])
    for _, name in keys:
        for _ in range(2):
            Personality.objects.get_config(name)
    assert held(keys) <= 6


def test_hit__heavier_than_memory_may_be__nothing_holds_on_to_the_copies_of_others(
    elara: Personality, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[Key] = [(None, f"one-of-many-{number}") for number in range(20)]
    Personality.objects.bulk_create([Personality(personality_name=name) for _, name in keys])
    monkeypatch.setattr(config_cache, "max_weight", 4 * bytes_in_memory(elara.to_config()))
    config_cache.clear_memory()
    for _, name in keys:
        for _ in range(2):
            Personality.objects.get_config(name)
    assert held(keys) <= 6


def test_bytes_in_memory__longer_texts__as_many_times_more_as_each_is_kept(elara: Personality) -> None:
    short = bytes_in_memory(elara.to_config())
    elara.backstory, elara.speaking_style = "x" * 1000, "y" * 500
    assert short >= LEAST_BYTES
    assert bytes_in_memory(elara.to_config()) >= short + COPIES_PER_TEXT * 1500


@pytest.mark.parametrize("keys", [[(None, "elara")], None])
def test_hit__invalidated_while_nobody_listens__read_anew_at_once(elara: Personality, keys: list[Key] | None) -> None:
    listener.stop()
    before = feed.number
    config_cache.invalidate(keys) if keys else invalidate_everything()
    assert feed.number > before
    assert Personality.objects.lookup("elara").source == "database"


@pytest.mark.parametrize("name", ["", "no name", "nobody", "x" * 401, "\x00", 7, None])
def test_hit__what_is_no_name__does_not_exist(elara: Personality, name: Any) -> None:
    for _ in range(2):
        with pytest.raises(Personality.DoesNotExist):
            Personality.objects.get_id(name)


def test_hit__in_a_coroutine__answered_though_the_database_may_not_be_asked(elara: Personality) -> None:
    async def read() -> Answer[Any]:
        return Personality.objects.lookup("elara")

    assert asyncio.run(read()).value == elara.to_config()


def test_lookups__hits__each_counted_once(elara: Personality, user: User) -> None:
    Personality.objects.get_id("elara", user)
    before = config_cache.lookups
    Personality.objects.get_id("elara")
    Personality.objects.get_config("Elara")
    Personality.objects.lookup("elara", user)
    assert config_cache.lookups - before == {("near", True): 3}


def test_lookups__not_from_memory__each_answer_counted(elara: Personality, clear_memory: Callable[[], None]) -> None:
    clear_memory()
    before = config_cache.lookups
    answers = Personality.objects.lookup_many(["elara", "nobody", "no name"])
    assert {name: answer.source for name, answer in answers.items()} == {"elara": "redis", "nobody": "database"}
    assert config_cache.lookups - before == {("redis", True): 1, ("database", False): 1}


def test_from_memory__known_unknown_and_not_asked_for_yet__the_object_itself_or_none(
    elara: Personality, user: User
) -> None:
    assert config_from_memory("Elara", None) is Personality.objects.get_config("elara")
    assert config_from_memory("elara", user.pk) is None  # whether they have one of their own is not known yet
    Personality.objects.get_config("elara", user)
    assert config_from_memory("elara", user.pk) is config_from_memory("elara", None) is not None
    assert Personality.objects.lookup("nobody").value is None
    assert config_from_memory("nobody", None) is None
