"""What a browser sends to the admin of personalities, and what it sees there."""

import html
import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from personalities.archetypes import complete
from personalities.config import BEHAVIORS, TRAITS
from personalities.models import Personality

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
