"""What can be done to selected personalities."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from coherence.change_log import Position
from personalities.cache import configs_in_redis
from personalities.models import Personality
from personalities.tests.admin.browser import LIST, act, allowed, committing, made
from tooling.processes import SupervisedServer


@committing
def test_forget__selected__only_their_copies_go(admin_client: Client, admin_user: User) -> None:
    everybodys, own, other = made("mira"), made("mira", owner=admin_user), made("other")
    configs_in_redis.put_or_raise(Position("", 1), {row.key: row.to_config() for row in (everybodys, own, other)})
    assert act(admin_client, "forget_copies", own) == ["2 keys forgotten (selected: 1 personalities)."]
    assert configs_in_redis.existing([everybodys.key, own.key, other.key]) == {everybodys.key, other.key}


@committing
def test_warm__selected__active_ones_are_cached(admin_client: Client) -> None:
    active, inactive = made("active"), made("inactive", is_active=False)
    messages = act(admin_client, "warm", active, inactive)
    assert messages == ["Warmed: 1 (selected: 2). Inactive ones are not served and stay out."]
    assert configs_in_redis.existing([active.key, inactive.key]) == {active.key}


@committing
@pytest.mark.parametrize(
    ("action", "said"), [("warm", "Nothing was warmed."), ("forget_copies", "No copy from before is served any more")]
)
def test_action__redis_away__says_so(admin_client: Client, own_redis: SupervisedServer, action: str, said: str) -> None:
    row = made()
    own_redis.stop()
    (message,) = act(admin_client, action, row)
    assert said in message


@pytest.mark.parametrize("chosen", ["x", "\x00", "1", "9" * 40])
@pytest.mark.parametrize("page", [LIST, "/admin/auth/user/", "/admin/accounts/apikey/"])
def test_action__selected_id_that_is_none__never_500(admin_client: Client, page: str, chosen: str) -> None:
    answer = admin_client.post(page, {"action": "delete_selected", "_selected_action": [chosen]})
    assert answer.status_code in ({400} if page == LIST or not chosen.isdigit() else {200, 302})


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
    assert not configs_in_redis.existing([row.key])
