"""An upgrade keeps what older releases let in."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from preferences.models import Preferences
from tests.database import sql


@pytest.fixture
def _as_it_was(transactional_db: None) -> Iterator[None]:
    call_command("migrate", "preferences", "0001", verbosity=0)
    yield
    call_command("migrate", verbosity=0)


@pytest.mark.usefixtures("_as_it_was")
def test_0002__name_of_two_lines__becomes_one() -> None:
    user = User.objects.create_user("ursula")
    sql("INSERT INTO preferences_preferences VALUES (%s, '', '', '', '', '', '', %s)", user.pk, "Sam\r\n\u2028Bob")
    call_command("migrate", verbosity=0)
    assert Preferences.objects.get().call_me == "Sam Bob"
