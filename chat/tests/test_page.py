"""The playground as the server renders it."""

import html
import json
import re
from http.cookies import Morsel
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.test.utils import override_script_prefix
from django.urls import reverse

from chat.addresses import is_chat_path
from personalities.models import Personality
from preferences.models import Preferences

PAGE = "/chat/"


@pytest.fixture
def client(key: str) -> Client:
    """Ursula's."""
    client = Client()
    client.force_login(User.objects.get(username="ursula"))
    return client


def shown(page: str) -> dict[str, str]:
    """What the page tells its script."""
    (main,) = re.findall("<main (.*?)>", page)
    return {name: html.unescape(value) for name, value in re.findall('data-([a-z]+)="(.*?)"', main)}


def chosen(client: Client, address: str = PAGE) -> Any:
    """The personality that the page opens with."""
    return json.loads(shown(client.get(address).content.decode())["chosen"])


def test_playground__anonymous__sent_to_the_login_and_back(db: None) -> None:
    answer = Client().get(PAGE)
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/chat/")


@pytest.mark.parametrize("address", ["/chat/elara/", "/chat/ELARA/", "/chat/?personality=elara"])
def test_playground__named_in_the_address__opens_with_that(client: Client, address: str) -> None:
    assert chosen(client)["name"] == "mira", "else the first, the user's own before global ones"
    found = chosen(client, address)
    assert (found["name"], found["display_name"], found["archetype"]) == ("elara", "Elara", "Wise mentor")
    assert (found["page"], found["prompt"]) == ("/chat/elara/", "/api/v1/preferences/prompt/elara/")
    assert found["is_own"] is False


@pytest.mark.parametrize("name", ["completions", "models", "responses", "embeddings", "v1", "personalities", "chat"])
def test_playground__name_that_is_part_of_an_address__has_a_page(client: Client, name: str) -> None:
    Personality.objects.create(personality_name=name)
    page = chosen(client, f"/chat/?personality={name}")["page"]
    assert not is_chat_path(page.partition("?")[0]), "the API of chat, which stands before the pages, would answer"
    assert chosen(client, page)["name"] == name


def test_playground__without_the_slash__redirected(client: Client) -> None:
    answer = client.get("/chat/elara")
    assert (answer.status_code, answer["Location"]) == (301, "/chat/elara/")


@pytest.mark.parametrize("name", ["nobody", "isla", "nora", "no name", "lint", "x" * 500])
def test_playground__nobody_of_that_name__404_that_lets_choose(client: Client, name: str) -> None:
    answer = client.get(PAGE, {"personality": name})
    assert answer.status_code == 404
    assert "No active personality is named" in answer.content.decode()


def test_playground__own_of_a_global_name__theirs_while_it_is_active(client: Client) -> None:
    row = Personality.objects.create(personality_name="elara", owner=User.objects.get(username="ursula"))
    assert chosen(client, "/chat/elara/")["is_own"] is True
    row.is_active = False
    row.save()
    assert chosen(client, "/chat/elara/")["is_own"] is False


def test_playground__whoever_may_edit__finds_the_editor(client: Client) -> None:
    row = Personality.objects.get(personality_name="elara")
    assert chosen(client, "/chat/elara/")["edit"] is None
    ursula = User.objects.get(username="ursula")
    ursula.is_staff = True
    ursula.save()
    assert chosen(client, "/chat/elara/")["edit"] is None, "staff without that permission are not let in either"
    ursula.user_permissions.add(Permission.objects.get(codename="change_personality"))
    assert chosen(client, "/chat/elara/")["edit"] == reverse("admin:personalities_personality_change", args=[row.pk])


def test_playground__greeting__has_the_users_name_in_it(client: Client) -> None:
    Personality.objects.filter(personality_name="elara").update(greeting="Come in, {{user}}.")
    assert chosen(client, "/chat/elara/")["greeting"] == "Come in, you."
    Preferences.objects.create(user=User.objects.get(username="ursula"), call_me="Sam")
    assert chosen(client, "/chat/elara/")["greeting"] == "Come in, Sam."


def test_playground__thousands_of_personalities__none_of_them_in_the_page(client: Client) -> None:
    before = len(client.get(PAGE).content)
    Personality.objects.bulk_create(Personality(personality_name=f"extra-{number}") for number in range(2000))
    assert len(client.get(PAGE).content) < before + 100


def test_playground__below_a_path__all_that_it_links_is_below_it(client: Client) -> None:
    with override_script_prefix("/below/"):
        page = client.get("/chat/elara/").content.decode()
    links = re.findall(r'(?:src|href|action|data-(?:page|completions|search|conversations))="([^"]*)"', page)
    assert len(links) >= 12
    assert [link for link in links if not link.startswith("/below/")] == []
    found = json.loads(shown(page)["chosen"])
    assert found["page"].startswith("/below/")
    assert found["prompt"].startswith("/below/")


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
