"""The playground as the server renders it."""

import re
from http.cookies import Morsel
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from personalities.models import Personality

PAGE = "/chat/"


@pytest.fixture
def client(key: str) -> Client:
    """Ursula's."""
    client = Client()
    client.force_login(User.objects.get(username="ursula"))
    return client


def offered(client: Client) -> dict[str, list[str]]:
    """Names, by group."""
    groups = re.findall(r'<optgroup label="(.*?)">(.*?)</optgroup>', client.get(PAGE).content.decode(), re.DOTALL)
    return {label: re.findall(r'value="(.*?)"', options) for label, options in groups}


def test_playground__anonymous__sent_to_the_login_and_back(db: None) -> None:
    answer = Client().get(PAGE)
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/chat/")


def test_playground__user__their_own_and_active_global_ones(client: Client) -> None:
    assert offered(client) == {"Yours": ["mira"], "Everybody&#x27;s": ["elara"]}


def test_playground__staff__no_inactive_ones_either(client: Client) -> None:
    User.objects.filter(username="ursula").update(is_staff=True)
    assert "isla" not in str(offered(client))


def test_playground__own_of_a_global_name__once_and_theirs(client: Client) -> None:
    mine = User.objects.get(username="ursula")
    row = Personality.objects.create(personality_name="elara", owner=mine)
    assert offered(client) == {"Yours": ["elara", "mira"]}
    row.is_active = False
    row.save()
    assert offered(client) == {"Yours": ["mira"], "Everybody&#x27;s": ["elara"]}


def test_playground__more_than_may_be_listed__the_first(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.catalogue.MAX_LISTED", 1)
    assert offered(client) == {"Everybody&#x27;s": ["elara"]}


def test_playground__no_personality__says_so(client: Client) -> None:
    Personality.objects.all().delete()
    assert "There is no active personality yet." in client.get(PAGE).content.decode()


def test_playground__page__no_key_and_no_script_or_style_in_it(client: Client, key: str) -> None:
    Personality.objects.create(personality_name="ada", display_name="<script>", greeting='"><img src=x>')
    page = client.get(PAGE).content.decode()
    assert "cpk_" not in page
    assert re.findall("<script[^>]*>", page) == ['<script type="module" src="/static/chat/playground.js">']
    assert not re.search(r"<img src=x|<style|\sstyle=|\son\w+=|(src|href)=\"(https?:)?//", page)


def test_playground__headers__stricter_than_other_pages_and_never_kept(client: Client) -> None:
    answer = client.get(PAGE)
    policy = answer["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules.pop("default-src") == rules.pop("base-uri") == rules.pop("frame-ancestors") == "'none'"
    assert rules == dict.fromkeys(["script-src", "style-src", "img-src", "connect-src", "form-action"], "'self'")
    assert "no-store" in answer["Cache-Control"]
    token: Morsel[Any] = answer.cookies["csrftoken"]
    assert token["samesite"] == "Lax"


def test_playground__whoever_it_is__named_and_signed_out_by_a_form(client: Client) -> None:
    User.objects.filter(username="ursula").update(username="<b>ursula")
    page = client.get(PAGE).content.decode()
    assert "&lt;b&gt;ursula" in page
    assert re.search(r'<form id="sign-out" method="post" action="/accounts/logout/">\s*<input type="hidden"', page)


def test_playground__post__405(client: Client) -> None:
    assert client.post(PAGE).status_code == 405


def test_home__a_person__finds_the_playground(db: None) -> None:
    assert f'href="{PAGE}"' in Client().get("/").content.decode()


def test_admin__staff__finds_the_playground_in_sidebar_and_index(admin_client: Client) -> None:
    assert admin_client.get("/admin/").content.decode().count(f'href="{PAGE}"') == 2
