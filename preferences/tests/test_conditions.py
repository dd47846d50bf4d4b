"""If-Match: no wish is lost to somebody who has not seen it."""

from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from rest_framework.test import APIClient

from preferences.models import Preferences
from preferences.tests.conftest import NOTHING, URL
from tests.database import somebody_waits, sql
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
BODY = {"tone": "calm"}
VERBS = ("put", "patch", "delete")


def test_put__first_wish__needs_no_etag_and_the_second_does(reader: APIClient) -> None:
    assert reader.put(URL, BODY).status_code == 200
    refused = reader.put(URL, {"tone": "neutral"})
    assert (refused.status_code, list(refused.json()["errors"])) == (428, ["If-Match"])
    assert reader.get(URL).json() == NOTHING | BODY


def test_put__after_the_last_wish_was_taken_back__needs_none_again(reader: APIClient) -> None:
    reader.put(URL, BODY)
    reader.delete(URL)
    assert reader.put(URL, BODY).status_code == 200


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("before", [NOTHING, {"call_me": "Sam"}])
def test_write__with_the_etag_that_was_read__done(reader: APIClient, verb: str, before: dict[str, Any]) -> None:
    reader.patch(URL, before)
    answer = getattr(reader, verb)(URL, BODY, headers={"If-Match": reader.get(URL)["ETag"]})
    assert answer.status_code == (204 if verb == "delete" else 200)


@pytest.mark.parametrize("verb", VERBS)
def test_write__changed_meanwhile__412_with_what_there_is_now(reader: APIClient, verb: str) -> None:
    seen = reader.get(URL)["ETag"]
    now = reader.patch(URL, {"call_me": "Sam"})
    answer = getattr(reader, verb)(URL, BODY, headers={"If-Match": seen})
    assert (answer.status_code, answer["ETag"]) == (412, now["ETag"])
    assert answer.json()["current"] == now.json() == reader.get(URL).json()
    assert list(answer.json()["errors"]) == ["If-Match"]


@pytest.mark.parametrize(("given", "status"), [("*", 200), ('"x", {}', 200), ("W/{}", 412), ('"x"', 412), ("", 412)])
def test_if_match__in_any_form__only_the_very_one_counts(reader: APIClient, given: str, status: int) -> None:
    seen = reader.patch(URL, {"call_me": "Sam"})["ETag"]
    assert reader.patch(URL, BODY, headers={"If-Match": given.format(seen)}).status_code == status


def test_get__unchanged__304_and_changed_200(reader: APIClient) -> None:
    seen = reader.patch(URL, BODY)["ETag"]
    assert reader.get(URL, headers={"If-None-Match": seen}).status_code == 304
    reader.patch(URL, {"tone": None})
    assert reader.get(URL, headers={"If-None-Match": seen}).status_code == 200


def test_get__anybody__may_not_be_shared(reader: APIClient) -> None:
    assert reader.get(URL)["Cache-Control"] == "private, no-cache"


def test_put__while_the_first_one_is_under_way__waits_and_is_refused(user: User, reader: APIClient) -> None:
    statuses: list[int] = []

    def second() -> None:
        statuses.append(reader.put(URL, BODY).status_code)
        connection.close()

    rival = Thread(target=second)
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        rival.start()
        wait_until(somebody_waits)
        Preferences.objects.create(user=user, call_me="First")
    rival.join()
    assert statuses == [428]
    assert Preferences.objects.get().call_me == "First"


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("end", ["DELETE FROM auth_user", "UPDATE auth_user SET is_active = false"])
def test_write__its_user_is_gone_since_they_were_looked_up__401(db: None, user: User, verb: str, end: str) -> None:
    client = APIClient()
    client.force_authenticate(user)
    sql(end)
    answer = getattr(client, verb)(URL, BODY)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="companion"')
    assert "deleted or deactivated" in answer.json()["detail"]
    assert not Preferences.objects.exists()
