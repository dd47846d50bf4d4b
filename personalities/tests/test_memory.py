"""Copies in memory are bounded in bytes: long texts leave room for fewer of them."""

import gc

import pytest

from personalities.cache import bytes_in_memory, config_cache
from personalities.config import PersonalityConfig
from personalities.lookup import config_from_memory
from personalities.models import Personality

pytestmark = pytest.mark.django_db(transaction=True)
NUMBER, ROOM = 80, 10
LONGEST = {"greeting": "😀" * 500, "speaking_style": "😀" * 500, "backstory": "😀" * 1000,
           "custom_instructions": "😀" * 2000, "display_name": "😀" * 100}  # fmt: skip


def in_memory() -> int:
    gc.collect()
    return sum(type(found) is PersonalityConfig for found in gc.get_objects())  # proxies have a class of their own


def test_lookups__of_long_texts__few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"long-{number}" for number in range(NUMBER)]
    Personality.objects.bulk_create(Personality(personality_name=name, **LONGEST) for name in names)
    monkeypatch.setattr(config_cache, "max_weight", ROOM * bytes_in_memory(Personality.objects.get_config(names[0])))
    config_cache.clear_memory()
    before = in_memory()
    for name in names:
        Personality.objects.get_config(name)
        assert config_from_memory(name, None)
    assert ROOM - 1 <= len(config_cache.positive) <= ROOM
    assert in_memory() - before <= 2 * ROOM
