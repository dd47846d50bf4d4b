"""`Preferences`: how a user wants to be talked to, by any personality."""

from typing import Any

import msgspec
from django.conf import settings
from django.db import models
from django.db.models import Q

from coherence.cache import Answer
from coherence.triggers import note_changes
from personalities.config import PREFERENCES
from personalities.prompt import Wishes
from personalities.prompt.wishes import CHOICES, LINE_BREAKS, MAX_NAME, MAX_TAG, TAG
from preferences.cache import LOG_KEY_SQL, wishes

ONE_LINE = f"^[^{LINE_BREAKS}]*$".replace(r"\x00", r"\x01")  # PostgreSQL has no NUL, in patterns neither


def choice(name: str) -> "models.CharField[str, str]":
    """A column for one of the values that the preference `name` may have; "" for none."""
    return models.CharField(max_length=20, blank=True, choices=[(value, value.capitalize()) for value in CHOICES[name]])


def _known(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        name=f"preferences_{name}_known", condition=Q(**{f"{name}__in": ["", *CHOICES[name]]})
    )


NO_WISHES = Wishes()


class PreferencesManager(models.Manager["Preferences"]):
    """`Preferences.objects`. A user without a row has no wishes. `user` is a user or a user's id.

    Inside a transaction no copy is read and none kept: the writer sees its own row.
    """

    def wishes_of(self, user: Any) -> Wishes:
        """The wishes of `user`, as `personalities.prompt.assemble` takes them."""
        return self.lookup(user).value or NO_WISHES

    def lookup(self, user: Any) -> Answer[Wishes]:
        """The wishes of `user`, with where they were read and how old they may be.

        Raises django.db.OperationalError when PostgreSQL is needed and away.
        """
        answer = wishes.get(_id_of(user))
        return answer._replace(value=answer.value or NO_WISHES)

    def replace(self, user: Any, wishes: Wishes) -> None:
        """Make `wishes` those of `user`. Writes nothing when nothing changes; a user without a wish has no row."""
        row: Preferences = self.filter(pk=_id_of(user)).first() or self.model(pk=_id_of(user))
        if wishes == row.to_wishes():
            return
        for name, value in msgspec.structs.asdict(wishes).items():
            setattr(row, name, value or "")
        row.delete() if wishes == NO_WISHES else row.save()


def _id_of(user: Any) -> int:
    return user if isinstance(user, int) else int(user.pk)


class Preferences(models.Model):
    """The wishes of one user. Where one is empty, each personality is as it is."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="preferences"
    )
    language = models.CharField(max_length=MAX_TAG, blank=True, help_text="A BCP 47 tag: de, pt-BR, zh-Hant-TW.")
    formality = choice("formality")
    tone = choice("tone")
    emoji_use = choice("emoji_use")
    response_length = choice("response_length")
    explanation_style = choice("explanation_style")
    call_me = models.CharField(max_length=MAX_NAME, blank=True, help_text="What they want to be called.")

    objects = PreferencesManager()

    class Meta:
        verbose_name_plural = "preferences"
        triggers = note_changes(LOG_KEY_SQL)
        constraints = [
            *map(_known, CHOICES),
            models.CheckConstraint(name="preferences_language_is_a_tag", condition=Q(language__regex=f"^({TAG})?$")),
            models.CheckConstraint(name="preferences_call_me_is_one_line", condition=Q(call_me__regex=ONE_LINE)),
        ]

    def __str__(self) -> str:
        return f"preferences of user {self.user_id}"

    def to_wishes(self) -> Wishes:
        """The row as programs see it; empty columns become None."""
        return Wishes(**{name: getattr(self, name) or None for name in PREFERENCES})
