"""The personalities that somebody may talk to in the playground: one by name, or a few found by a search."""

from typing import TypedDict, cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.urls import reverse

from chat.addresses import PAGE_COMPLETIONS
from personalities.managers import PersonalityQuerySet
from personalities.models import Personality
from personalities.names import InvalidName
from personalities.prompt import Wishes
from personalities.prompt.opening import greeting_for
from preferences.models import Preferences

TAKEN = PAGE_COMPLETIONS.rpartition("/")[2]
MAX_FOUND = 20  # of the user's own, and as many global ones


class Choice(TypedDict):
    """A personality as the playground shows it. `edit` is where the user can edit it, if they may."""

    name: str
    display_name: str
    archetype: str
    greeting: str
    is_own: bool
    page: str
    prompt: str
    edit: str | None


class Found(TypedDict):
    """What a search finds; `has_more` says that a longer text would find fewer."""

    results: list[Choice]
    has_more: bool


def named(request: HttpRequest, name: str) -> Choice | None:
    """The one that answers to `name`, in any spelling: the user's own, else the global one."""
    try:
        row = Personality.objects.served_to(_user(request).pk).filter(personality_name=name).first()
    except InvalidName:
        return None
    return _choice(request, row, _wishes(request)) if row else None


def first(request: HttpRequest) -> Choice | None:
    """The one to begin with if none was chosen."""
    return next(iter(search(request, "")["results"]), None)


def search(request: HttpRequest, text: str) -> Found:
    """The first by name with words that begin like those of `text`: the user's own, then global ones."""
    own, shared = (list(rows.matching_words(text)[: MAX_FOUND + 1]) for rows in _served(_user(request).pk))
    wishes = _wishes(request)
    results = [_choice(request, row, wishes) for row in (*own[:MAX_FOUND], *shared[:MAX_FOUND])]
    return {"results": results, "has_more": max(len(own), len(shared)) > MAX_FOUND}


def _served(user_id: int) -> tuple[PersonalityQuerySet, PersonalityQuerySet]:
    """The user's own, and the global ones that none of these hides; each in the order of an index."""
    active = Personality.objects.filter(is_active=True)
    own = active.filter(owner=user_id)
    hidden = Exists(own.filter(personality_name=OuterRef("personality_name")))
    shared = active.filter(~hidden, owner=None)
    return own.order_by("personality_name"), shared.order_by("owner_id", "personality_name")


def _choice(request: HttpRequest, row: Personality, wishes: Wishes) -> Choice:
    return {
        "name": row.personality_name,
        "display_name": str(row),
        "archetype": row.get_archetype_display(),
        "greeting": greeting_for(row.to_config(), wishes),
        "is_own": row.owner_id is not None,
        "page": _page(row.personality_name),
        "prompt": reverse("preferences-prompt", args=[row.personality_name]),
        "edit": _editor(request, row),
    }


def _page(name: str) -> str:
    """The playground's address for it. One name would clash with the path of the playground's completions."""
    page = reverse("playground")
    return f"{page}?personality={name}" if name == TAKEN else f"{page}{name}/"


def _editor(request: HttpRequest, row: Personality) -> str | None:
    """The admin's form, for those who would be let in there."""
    model_admin = admin.site.get_model_admin(Personality)
    if not (admin.site.has_permission(request) and model_admin.has_change_permission(request, row)):
        return None
    return reverse("admin:personalities_personality_change", args=[row.pk])


def _wishes(request: HttpRequest) -> Wishes:
    return Preferences.objects.wishes_of(_user(request).pk)


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)  # signed in: the views see to that
