"""Adding a personality: the archetype fills what is left out."""

from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.signals import pre_save
from django.test import Client

from personalities.archetypes import ARCHETYPES, complete
from personalities.models import Personality
from personalities.tests.admin.browser import ADD, committing, made, stored


@pytest.mark.parametrize("archetype", ["", *ARCHETYPES])
def test_add__name_and_archetype_only__archetype_fills_the_rest(admin_client: Client, archetype: str) -> None:
    answer = admin_client.post(ADD, {"personality_name": " Mira ", "archetype": archetype, "is_active": "on"})
    assert answer.status_code == 302, answer.context["errors"]
    row = stored()
    expected = complete({"personality_name": "mira", "archetype": archetype, "display_name": "Mira"})
    assert {name: row[name] for name in expected} == expected


def test_add__author_says__the_archetype_does_not_overrule(admin_client: Client) -> None:
    given = {"humor_level": "0", "asks_questions": "false", "relationship_type": "friend", "greeting": "Hm."}
    admin_client.post(ADD, {"personality_name": "mira", "archetype": "wise_mentor"} | given)
    row = Personality.objects.get()
    assert (row.humor_level, row.asks_questions, row.relationship_type, row.greeting) == (0, False, "friend", "Hm.")
    assert row.formality_level == ARCHETYPES["wise_mentor"].traits.formality_level
    assert not row.is_active


@pytest.mark.parametrize(
    ("field", "value"),
    [("personality_name", "el ara"), ("personality_name", ""), ("personality_name", "mi\0ra"), ("humor_level", "11"),
     ("humor_level", "-1"), ("humor_level", "9" * 5000), ("archetype", "nobody"), ("relationship_type", "boss"),
     ("backstory", "a\0b"), ("greeting", "x" * 501), ("owner", "0"), ("owner", "x")],
)  # fmt: skip
def test_add__bad_value__is_an_error_at_its_field(admin_client: Client, field: str, value: str) -> None:
    answer = admin_client.post(ADD, {"personality_name": "mira", field: value})
    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [field]
    assert not Personality.objects.exists()


@pytest.mark.parametrize("owned", [False, True])
def test_add__name_taken__is_an_error_at_the_name(admin_client: Client, admin_user: User, owned: bool) -> None:
    made("mira", owner=admin_user if owned else None)
    answer = admin_client.post(ADD, {"personality_name": "MIRA", "owner": admin_user.pk if owned else ""})
    assert list(answer.context["adminform"].form.errors) == ["personality_name"]
    assert b"There is a personality of this name already." in answer.content


def test_add__global_name_for_an_owner__is_another_personality(admin_client: Client, admin_user: User) -> None:
    made("mira")
    admin_client.post(ADD, {"personality_name": "mira", "owner": admin_user.pk})
    assert Personality.objects.filter(owner=admin_user, personality_name="mira").exists()


@committing
def test_add__name_taken_while_we_look__is_an_error_at_the_name(admin_client: Client) -> None:
    def somebody_is_quicker(**kwargs: Any) -> None:
        pre_save.disconnect(somebody_is_quicker, sender=Personality)
        rival = Thread(target=create_and_hang_up)
        rival.start()
        rival.join()

    def create_and_hang_up() -> None:
        made("mira")
        connection.close()

    pre_save.connect(somebody_is_quicker, sender=Personality)
    answer = admin_client.post(ADD, {"personality_name": "mira"})
    assert list(answer.context["adminform"].form.errors) == ["personality_name"]
