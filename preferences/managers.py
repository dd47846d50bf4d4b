"""`Preferences.objects`: the wishes of a user, from the cache."""

from typing import TYPE_CHECKING, Any

import msgspec
from django.db import models

from coherence.cache import Answer
from personalities.prompt import Wishes
from preferences.cache import preferences

if TYPE_CHECKING:
    from preferences.models import Preferences

NO_WISHES = Wishes()


class PreferencesManager(models.Manager["Preferences"]):
    """`Preferences.objects`. A user without a row has no wishes. `user` is a user or a user's id.

    Inside a transaction no copy is read and none kept: the writer sees its own row.
    """

    def wishes_of(self, user: Any) -> Wishes:
        """The wishes of `user`, as `personalities.prompt.assemble` takes them."""
        return self.lookup(user).value or NO_WISHES

    def lookup(self, user: Any) -> Answer[Wishes]:
        """As `wishes_of`, with the source. Raises django.db.OperationalError when PostgreSQL is needed and away."""
        answer = preferences.get(_id_of(user))
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
