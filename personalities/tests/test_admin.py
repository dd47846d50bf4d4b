import html
import json
import re
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models.signals import pre_save
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_redis import get_redis_connection

from personalities.archetypes import ARCHETYPES, complete
from personalities.cache import inventory
from personalities.config import BEHAVIORS, TRAITS
from personalities.models import Personality
from tooling.processes import Guarded

LIST = "/admin/personalities/personality/"
ADD = f"{LIST}add/"
HOSTILE = "</script><script>alert(1)</script> {{ 7|add:7 }} %(x)s %s {% now 'Y' %} \"'&"
committing = pytest.mark.django_db(transaction=True)


def made(name: str = "mira", **columns: Any) -> Personality:
    return Personality.objects.create(**complete({"personality_name": name, "archetype": "wise_mentor"} | columns))


def change_url(row: Personality) -> str:
    return f"{LIST}{row.pk}/change/"


def stored() -> dict[str, Any]:
    """The columns of the only row."""
    return dict(Personality.objects.values().get())


def form_of(row: Personality, **changes: Any) -> dict[str, Any]:
    """What a browser posts when `changes` are made to the change form of `row`."""
    names = ["personality_name", "display_name", "archetype", "relationship_type", "backstory", "custom_instructions"]
    posted = {name: getattr(row, name) for name in (*names, "speaking_style", "greeting", *TRAITS)}
    checked = {name: "on" for name in (*BEHAVIORS, "is_active") if getattr(row, name)}
    typed = {name: text.replace("\n", "\r\n") if isinstance(text, str) else text for name, text in posted.items()}
    return typed | checked | {"owner": row.owner_id or "", "seen": row.version} | changes


def act(client: Client, action: str, *rows: Personality) -> list[str]:
    """Run an action of the list; return the messages shown afterwards."""
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    answer = client.post(LIST, data, follow=True)
    assert answer.status_code == 200
    return [str(message) for message in answer.context["messages"]]


def shown_json(answer: Any) -> dict[str, Any]:
    found = re.search(r"<pre[^>]*>(.*?)</pre>", answer.content.decode(), re.S)
    assert found, "no JSON in the panel"
    shown: dict[str, Any] = json.loads(html.unescape(found[1]))
    return shown


def allowed(*codenames: str) -> Client:
    """A browser of a staff user with these permissions."""
    user = User.objects.create_user("sam", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


# ── The list ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def queries_of_list(client: Client) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(LIST).status_code == 200
    return len(queries)


def test_list__8_rows__costs_the_queries_of_one(admin_client: Client, admin_user: User) -> None:
    made("n0", owner=admin_user)
    one = queries_of_list(admin_client)
    for number in range(1, 8):
        made(f"n{number}", owner=admin_user)
    assert queries_of_list(admin_client) == one


def round_trips(redis: Any) -> int:
    """Each request a client sends in one piece is answered in one piece, so reads of its socket count round trips."""
    statistics = redis.info("stats")
    return int(statistics["total_reads_processed"])


def test_list__8_rows__costs_one_round_trip_to_redis(admin_client: Client, own_redis: Guarded) -> None:
    trips, redis = [], get_redis_connection("default")
    for number in range(8):
        made(f"n{number}")
        before = round_trips(redis)
        admin_client.get(LIST)
        trips.append(round_trips(redis) - before)
    assert trips == [2] * 8  # the other one asks for the statistics


@committing
def test_list__copy_in_redis__says_cached(admin_client: Client) -> None:
    made("warm"), made("cold")
    Personality.objects.get_config("warm")
    rows = admin_client.get(LIST).context["cl"].result_list
    assert {row.personality_name: row.is_cached for row in rows} == {"warm": True, "cold": False}


@committing
def test_list__redis_away__still_answers(admin_client: Client, own_redis: Guarded) -> None:
    made()
    Personality.objects.get_config("mira")
    own_redis.stop()
    answer = admin_client.get(LIST)
    assert answer.status_code == 200
    assert not answer.context["cl"].result_list[0].is_cached


@pytest.mark.parametrize("text", ["MIRA", "Shown", "lighthouse", "olga"])
def test_search__name_title_backstory_or_owner__finds_it(admin_client: Client, text: str) -> None:
    made("mira", display_name="Shown", backstory="Kept a lighthouse.", owner=User.objects.create_user("olga"))
    made("other")
    found = admin_client.get(LIST, {"q": text}).context["cl"].result_list
    assert [row.personality_name for row in found] == ["mira"]


@pytest.mark.parametrize(
    ("chosen", "names"),
    [({"owned": "yes"}, {"hers"}), ({"owned": "no"}, {"mira"}), ({"archetype__exact": "wise_mentor"}, {"mira"}),
     ({"is_active__exact": "0"}, {"hers"}), ({"relationship_type__exact": "therapist"}, {"hers"}),
     ({}, {"mira", "hers"})],
)  # fmt: skip
def test_filter__chosen__narrows_the_list(admin_client: Client, chosen: dict[str, str], names: set[str]) -> None:
    made("mira")
    made("hers", archetype="calm_therapist", owner=User.objects.create_user("olga"), is_active=False)
    found = admin_client.get(LIST, chosen).context["cl"].result_list
    assert {row.personality_name for row in found} == names


# ── Adding ────────────────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── Changing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_change__saved_as_it_was__changes_nothing(admin_client: Client) -> None:
    row = made(backstory="One line.\nAnd another. " + "x" * 975 + "\n\n", display_name="Mira Mira")
    before = stored()
    assert admin_client.post(change_url(row), form_of(row)).status_code == 302
    assert stored() == before


def test_change__another_archetype__untouched_fields_follow_and_edited_ones_stay(admin_client: Client) -> None:
    row = made(humor_level=10, greeting="My own.")
    posted = form_of(row, archetype="calm_therapist", formality_level=1)
    assert admin_client.post(change_url(row), posted).status_code == 302
    row.refresh_from_db()
    new = ARCHETYPES["calm_therapist"]
    assert (row.humor_level, row.greeting, row.formality_level) == (10, "My own.", 1)
    assert (row.empathy_level, row.speaking_style) == (new.traits.empathy_level, new.speaking_style)
    assert (row.relationship_type, row.challenges_user) == (new.relationship_type, new.behaviors.challenges_user)


def test_change__trait_left_empty__is_an_error_at_it(admin_client: Client) -> None:
    row = made()
    answer = admin_client.post(change_url(row), form_of(row, humor_level=""))
    assert list(answer.context["adminform"].form.errors) == ["humor_level"]


def test_change__text_cleared__is_empty(admin_client: Client) -> None:
    row = made()
    admin_client.post(change_url(row), form_of(row, greeting=""))
    row.refresh_from_db()
    assert row.greeting == ""


@committing
def test_change__saved__next_lookup_sees_it(admin_client: Client) -> None:
    row = made()
    Personality.objects.get_config("mira")
    admin_client.post(change_url(row), form_of(row, humor_level=9))
    assert Personality.objects.get_config("mira").traits.humor_level == 9


def test_change_form__without_javascript__shows_what_is_stored(admin_client: Client) -> None:
    row = made()
    answer = admin_client.get(change_url(row))
    assert shown_json(answer) == row.to_config().to_dict()
    assert 'role="img"' in answer.content.decode()


def test_change_form__may_only_look__shows_what_is_stored_and_follows_nothing(db: None) -> None:
    row = made()
    answer = allowed("view_personality").get(change_url(row))
    assert shown_json(answer)["personality_name"] == "mira"
    assert "data-url" not in answer.content.decode()


# ── The preview ───────────────────────────────────────────────────────────────────────────────────────────────────────


def preview_url(pk: UUID | None = None) -> str:
    return reverse("admin:personalities_personality_preview", args=[pk] if pk else [])


def test_preview__changed_form__shows_it_and_stores_nothing(admin_client: Client) -> None:
    row = made()
    posted = form_of(row, humor_level=10, display_name="Mi")
    before = stored()
    answer = admin_client.post(preview_url(row.pk), posted)
    shown = shown_json(answer)
    assert (shown["id"], shown["traits"]["humor_level"], shown["display_name"]) == (str(row.pk), 10, "Mi")
    assert "Humor 10" in answer.content.decode()
    assert stored() == before


def test_preview__another_archetype__says_what_follows(admin_client: Client) -> None:
    row = made(humor_level=10)
    answer = admin_client.post(preview_url(row.pk), form_of(row, archetype="calm_therapist"))
    followed = re.search(r"Follows the new archetype: (.*?)\.</p>", answer.content.decode())
    assert followed
    assert "Empathy level" in followed[1]
    assert "Humor level" not in followed[1]
    assert shown_json(answer)["traits"]["empathy_level"] == ARCHETYPES["calm_therapist"].traits.empathy_level


def test_preview__new_personality__has_no_id_yet(admin_client: Client) -> None:
    shown = shown_json(admin_client.post(preview_url(), {"personality_name": "MIRA", "archetype": "wise_mentor"}))
    assert (shown["id"], shown["personality_name"], shown["display_name"]) == (None, "mira", "Mira")
    assert not Personality.objects.exists()


def test_preview__mistakes__are_said_instead_of_json(admin_client: Client) -> None:
    made("mira")
    posted = {"personality_name": "mira", "humor_level": "11", "archetype": "wise_mentor"}
    text = admin_client.post(preview_url(), posted).content.decode()
    assert "<strong>Humor level</strong>" in text
    assert "<pre" not in text
    assert "<svg" in text


def test_preview__name_taken__is_said(admin_client: Client) -> None:
    made("mira")
    assert b"of this name already" in admin_client.post(preview_url(), {"personality_name": "mira"}).content


def test_preview__anonymous__is_sent_to_log_in(client: Client, db: None) -> None:
    answer = client.post(preview_url(), {"personality_name": "mira"})
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/admin/login/")


def test_preview__staff_without_view_permission__is_refused(db: None) -> None:
    row = made()
    client = allowed("add_personality")
    assert client.post(preview_url(), {"personality_name": "mira"}).status_code == 403
    assert client.post(preview_url(row.pk), {}).status_code == 403


def test_preview__may_only_look__shows_what_is_stored(db: None) -> None:
    row = made()
    answer = allowed("view_personality").post(preview_url(row.pk), form_of(row, humor_level=10))
    assert shown_json(answer) == row.to_config().to_dict()


def test_preview__get__is_refused(admin_client: Client) -> None:
    assert admin_client.get(preview_url()).status_code == 405


def test_preview__without_csrf_token__is_refused(admin_user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert client.post(preview_url(), {"personality_name": "mira"}).status_code == 403


def test_preview__row_gone__is_not_found(admin_client: Client) -> None:
    assert admin_client.post(preview_url(UUID(int=0)), {}).status_code == 404


def test_pages__hostile_text__stays_text(admin_client: Client) -> None:
    row = made(display_name=HOSTILE[:100], backstory=HOSTILE, greeting=HOSTILE)
    preview = admin_client.post(preview_url(row.pk), form_of(row))
    for answer in (admin_client.get(LIST), admin_client.get(change_url(row)), preview):
        text = answer.content.decode()
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text
    assert shown_json(preview)["greeting"] == HOSTILE


@committing
def test_change__saved__the_api_reads_it_at_once(admin_client: Client, admin_user: User, client_of: Any) -> None:
    row, program = made(humor_level=1), client_of(admin_user)
    url = "/api/v1/personalities/mira/"
    assert program.get(url).json()["traits"]["humor_level"] == 1
    assert admin_client.post(change_url(row), form_of(row, humor_level=9)).status_code == 302
    assert program.get(url).json()["traits"]["humor_level"] == 9


# ── Actions ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@committing
def test_forget__selected__only_their_copies_go(admin_client: Client, admin_user: User) -> None:
    everybodys, own, other = made("mira"), made("mira", owner=admin_user), made("other")
    inventory.store(1, [row.to_config() for row in (everybodys, own, other)])
    assert act(admin_client, "forget_copies", own) == ["2 keys forgotten (selected: 1 personalities)."]
    assert inventory.cached([everybodys.key, own.key, other.key]) == {everybodys.key, other.key}


@committing
def test_warm__selected__active_ones_are_cached(admin_client: Client) -> None:
    active, inactive = made("active"), made("inactive", is_active=False)
    messages = act(admin_client, "warm", active, inactive)
    assert messages == ["Warmed: 1 (selected: 2). Inactive ones are not served and stay out."]
    assert inventory.cached([active.key, inactive.key]) == {active.key}


@committing
@pytest.mark.parametrize(
    ("action", "said"), [("warm", "Nothing was warmed."), ("forget_copies", "No copy from before is believed any more")]
)
def test_action__redis_away__says_so(admin_client: Client, own_redis: Guarded, action: str, said: str) -> None:
    row = made()
    own_redis.stop()
    (message,) = act(admin_client, action, row)
    assert said in message


@pytest.mark.parametrize("action", ["forget_copies", "warm"])
def test_action__without_change_permission__is_not_offered(db: None, action: str) -> None:
    made()
    assert f'value="{action}"' not in allowed("view_personality").get(LIST).content.decode()


@pytest.mark.parametrize("action", ["forget_copies", "warm"])
def test_action__with_change_permission__is_offered(db: None, action: str) -> None:
    made()
    assert f'value="{action}"' in allowed("change_personality").get(LIST).content.decode()


@committing
def test_delete_selected__confirmed__rows_and_copies_go(admin_client: Client) -> None:
    row = made()
    Personality.objects.get_config("mira")
    data = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
    assert admin_client.post(LIST, data).status_code == 302
    assert not Personality.objects.exists()
    assert not inventory.cached([row.key])
