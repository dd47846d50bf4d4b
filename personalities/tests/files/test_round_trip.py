"""What was exported is imported as it was, to the byte."""

import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from personalities.models import Personality
from personalities.tests.files.commands import contents, export, imported

pytestmark = pytest.mark.django_db(transaction=True)
STORABLE = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXTS = st.text(STORABLE, max_size=60)


def test_round_trip__into_an_emptied_table__the_same_bytes(
    exported: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    Personality.objects.filter(personality_name="isla").update(is_active=False, archetype="", backstory="")
    export(exported)
    Personality.objects.all().delete()
    assert len(imported(exported)["created"]) == 8
    again = tmp_path_factory.mktemp("again")
    export(again)
    assert contents(again) == contents(exported)


def test_round_trip__of_a_user__their_own_and_no_others(tmp_path: Path, user: User) -> None:
    Personality.objects.create(personality_name="elara", greeting="Everybody's.")
    Personality.objects.create(personality_name="elara", greeting="Mine.", owner=user)
    export(tmp_path, "--owner", "ursula")
    Personality.objects.filter(owner=user).delete()
    assert imported(tmp_path, "--owner", "ursula")["created"] == ["elara"]
    assert dict(Personality.objects.values_list("owner", "greeting")) == {None: "Everybody's.", user.pk: "Mine."}


@pytest.mark.parametrize("limit", [("backstory", 1000), ("custom_instructions", 2000), ("display_name", 100)])
def test_round_trip__text_of_full_length__whole(tmp_path: Path, limit: tuple[str, int]) -> None:
    column, length = limit
    Personality.objects.create(personality_name="elara", **{column: "\U0001f9d1" * length})
    export(tmp_path)
    assert imported(tmp_path)["unchanged"] == ["elara"]


@hypothesis_settings(
    derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(backstory=TEXTS, greeting=TEXTS, display_name=TEXTS)
@example(backstory="👩‍👩‍👧 {{ user }} {% raw %}", greeting="a\nb\r\nc\rd\te\u2028f", display_name="\u202eאבג مرحبا")
@example(backstory='"\\" \\u0041 </script>', greeting="\ufeff\x1b[31m\x7f\x85", display_name="  ")
def test_round_trip__any_text__kept_to_the_letter(
    tmp_path: Path, backstory: str, greeting: str, display_name: str
) -> None:
    Personality.objects.all().delete()
    texts = {"backstory": backstory, "greeting": greeting, "display_name": display_name}
    Personality.objects.create(personality_name="elara", **texts)
    export(tmp_path)
    before = contents(tmp_path)
    Personality.objects.all().delete()
    imported(tmp_path)
    export(tmp_path)
    assert contents(tmp_path) == before
    assert Personality.objects.values(*texts).get() == texts | {"display_name": display_name or "Elara"}
    assert json.loads(before["elara.json"])["greeting"] == (greeting or None)
