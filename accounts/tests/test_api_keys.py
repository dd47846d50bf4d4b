from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from rest_framework.test import APIClient

from accounts import keys, verification
from accounts.models import ApiKey
from coherence.feed import feed
from coherence.listener import listener
from tests.database import sql

pytestmark = pytest.mark.django_db
committing = pytest.mark.django_db(transaction=True)
URL = "/api/v1/archetypes/"


def status(authorization: str) -> int:
    return APIClient().get(URL, HTTP_AUTHORIZATION=authorization).status_code


@committing
def test_key__valid__lets_in_with_two_queries_and_then_with_none(user: User, django_assert_num_queries: Any) -> None:
    _, text = ApiKey.objects.issue(user)
    with django_assert_num_queries(2):  # the key, the user
        assert status(f"Bearer {text}") == 200
    with django_assert_num_queries(0):
        assert status(f"bearer {text} ") == 200


@committing
@pytest.mark.parametrize("text", ["cpk_00000000_" + "a" * 43])
def test_key__unknown__is_asked_for_once(text: str, django_assert_num_queries: Any) -> None:
    assert status(f"Bearer {text}") == 401
    with django_assert_num_queries(0):
        assert status(f"Bearer {text}") == 401


@committing
@pytest.mark.parametrize("digest", ["", "x", "revoked", "ä" * 64])
def test_key__its_digest_is_none__401(user: User, digest: str) -> None:
    """Who withdraws a key by SQL may write anything there."""
    _, text = ApiKey.objects.issue(user)
    sql("UPDATE accounts_apikey SET digest = %s", digest)
    assert status(f"Bearer {text}") == 401


@pytest.mark.parametrize("column", ["created_at", "revoked_at"])
@pytest.mark.parametrize("time", ["infinity", "-infinity", "10000-01-01Z", "0044-03-15 BC"])
def test_key__a_time_that_cannot_be_read__refused(user: User, column: str, time: str) -> None:
    ApiKey.objects.issue(user)
    with pytest.raises(IntegrityError, match="api_key_times_readable"):
        sql(f"UPDATE accounts_apikey SET {column} = %s", time)


@committing
def test_verify__its_users__share_nothing_and_lack_nothing(user: User) -> None:
    _, text = ApiKey.objects.issue(user)
    one, other = ApiKey.objects.verify(text), ApiKey.objects.verify(text)
    assert one
    assert other
    one.username = "changed"
    assert other.username == "ursula"
    assert other == user
    assert (other.is_authenticated, other.is_staff, other.email, other.password) == (True, False, "", user.password)


@committing
def test_key__user_renamed_or_made_staff__known_at_once(user: User) -> None:
    _, text = ApiKey.objects.issue(user)
    verified = ApiKey.objects.verify(text)
    assert verified
    assert not verified.is_staff
    user.is_staff, user.username = True, "ulla"
    user.save()
    verified = ApiKey.objects.verify(text)
    assert verified
    assert (verified.is_staff, verified.username) == (True, "ulla")


def test_key__issued__the_database_holds_no_usable_part_of_it(user: User) -> None:
    key, text = ApiKey.objects.issue(user)
    secret = text.removeprefix(f"cpk_{key.prefix}_")
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(k)::text FROM accounts_apikey k")
        (row,) = cursor.fetchone()
    assert key.prefix in row
    assert secret not in row
    assert secret not in repr(key)


@committing
def test_key__revoked__refused(user: User) -> None:
    key, text = ApiKey.objects.issue(user)
    assert status(f"Bearer {text}") == 200
    key.revoke()
    assert status(f"Bearer {text}") == 401


@committing
def test_key__user_deactivated__refused(user: User) -> None:
    _, text = ApiKey.objects.issue(user)
    assert status(f"Bearer {text}") == 200
    user.is_active = False
    user.save()
    assert status(f"Bearer {text}") == 401


@pytest.fixture
def _nobody_tells(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process hears of its own commits alone, and never finds itself out of touch."""
    listener.stop()
    monkeypatch.setattr(listener, "ensure", lambda: None)
    feed.catch_up()
    monkeypatch.setattr(feed, "clock", lambda: feed.last_synced)


@committing
@pytest.mark.usefixtures("_nobody_tells")
@pytest.mark.parametrize("way", ["delete key", "revoke key", "delete user", "deactivate user"])
def test_key__taken_back_by_this_process__refused_by_it_at_once(user: User, way: str) -> None:
    key, text = ApiKey.objects.issue(user)
    assert ApiKey.objects.verify(text) == user
    user.is_active = "deactivate" not in way
    ways: dict[str, Any] = {"delete key": key.delete, "revoke key": key.revoke, "delete user": user.delete}
    ways.get(way, user.save)()
    assert ApiKey.objects.verify(text) is None


@committing
@pytest.mark.usefixtures("_nobody_tells")
def test_verified_from_memory__each_lookup__counted(user: User) -> None:
    _, text = ApiKey.objects.issue(user)
    assert verification.verified_from_memory(text.encode()) is None
    ApiKey.objects.verify(text)
    before = verification.keys.lookups, verification.users.lookups
    for _ in range(3):
        assert verification.verified_from_memory(text.encode()) == user.pk
    after = verification.keys.lookups, verification.users.lookups
    assert [now - then for now, then in zip(after, before, strict=True)] == [{("near", True): 3}] * 2
    assert verification.verified_from_memory(f"{text[:-1]}{'a' if text[-1] != 'a' else 'b'}".encode()) is None


@committing
@pytest.mark.usefixtures("_nobody_tells")
@pytest.mark.parametrize("is_active", [True, False])
def test_verified_from_memory__the_user_has_changed__nobody_until_the_database_was_asked(
    user: User, is_active: bool
) -> None:
    _, text = ApiKey.objects.issue(user)
    ApiKey.objects.verify(text)
    user.is_staff, user.is_active = True, is_active
    user.save()
    assert verification.verified_from_memory(text.encode()) is None
    assert ApiKey.objects.verify(text) == (user if is_active else None)
    assert verification.verified_from_memory(text.encode()) == (user.pk if is_active else None)


@committing
@pytest.mark.usefixtures("_nobody_tells")
def test_user__deleted_by_this_process__unknown_to_it_at_once(user: User) -> None:
    id = user.pk
    assert verification.user(id) == user
    user.delete()
    assert verification.user(id) is None


@pytest.mark.parametrize(
    "text", ["", "x", "cpk_", "cpk_00000000_" + "a" * 43, "é" * 10, "cpk_00000000_" + "a" * 100_000, "a b c", "\x00"]
)
def test_key__unknown__401_without_an_echo(db: None, text: str) -> None:
    response = APIClient().get(URL, HTTP_AUTHORIZATION=f"Bearer {text}")
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert "cpk_0" not in response.content.decode()


def test_key__right_prefix_wrong_secret__refused(user: User) -> None:
    key, text = ApiKey.objects.issue(user)
    assert status(f"Bearer {text[:-1]}{'a' if text[-1] != 'a' else 'b'}") == 401


@committing
def test_key__right_prefix_and_another_length__refused_without_being_remembered(user: User) -> None:
    _, key = ApiKey.objects.issue(user)
    ApiKey.objects.verify(key)
    assert verification.verified_from_memory(key.encode()) == user.pk
    before = keys.digest.cache_info().currsize
    assert verification.verified_from_memory(f"{key}{'x' * 4000}".encode()) is None
    assert keys.digest.cache_info().currsize == before
    assert len(key) == keys.LENGTH


@pytest.mark.parametrize("authorization", ["", "Basic dXJzdWxhOng=", "Token x"])
def test_no_key__any_path_of_the_api__401(db: None, authorization: str) -> None:
    for path in ("personalities/", "personalities/elara/", "personalities/elara/id/", "archetypes/"):
        assert APIClient().get(f"/api/v1/{path}", HTTP_AUTHORIZATION=authorization).status_code == 401
    resolve = APIClient().post("/api/v1/personalities/resolve/", {"names": ["x"]}, HTTP_AUTHORIZATION=authorization)
    assert resolve.status_code == 401


def test_session__writing_without_a_csrf_token__403(staff: User) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(staff)
    assert client.get(URL).status_code == 200
    assert client.post("/api/v1/personalities/", {"personality_name": "mira"}).status_code == 403


def run(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_create_api_key__new_user__made_without_rights_and_the_key_works(db: None) -> None:
    out, err = run("create_api_key", "bot", "--name", "chat server")
    assert status(f"Bearer {out.strip()}") == 200
    bot = User.objects.get(username="bot")
    assert (bot.is_staff, bot.is_superuser, bot.has_usable_password()) == (False, False, False)
    assert out.strip() not in err


def test_create_api_key__known_user__kept_as_they_are(staff: User) -> None:
    out, _ = run("create_api_key", "stella")
    assert ApiKey.objects.verify(out.strip()) == staff


@pytest.mark.parametrize("name", ["", "a b", "x" * 200])
def test_create_api_key__bad_user_name__refused(db: None, name: str) -> None:
    with pytest.raises(CommandError, match="user"):
        run("create_api_key", name)
    assert not User.objects.exists()


@pytest.mark.parametrize("whole", [True, False])
def test_revoke_api_key__by_prefix_or_key__refused_from_now_on(user: User, whole: bool) -> None:
    key, text = ApiKey.objects.issue(user)
    run("revoke_api_key", text if whole else key.prefix)
    assert status(f"Bearer {text}") == 401


def test_revoke_api_key__unknown__says_so_without_the_secret(db: None) -> None:
    text = keys.generate()
    with pytest.raises(CommandError, match=f"cpk_{keys.prefix(text)}_…") as error:
        run("revoke_api_key", text)
    assert text not in str(error.value)
