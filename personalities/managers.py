"""Lookups by name, and writes that forget what they made untrue."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, Self
from uuid import UUID

from django.db import models, transaction
from django.db.models import Q

from coherence.answer import SOURCES, Answer
from personalities.cache.keys import Key
from personalities.config import PersonalityConfig
from personalities.copies import copies, forget_on_commit, hit
from personalities.names import InvalidName, canonical

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser

    from personalities.models import Personality

    Owner = AbstractBaseUser | AnonymousUser | int | None

NO_NAME: Answer[PersonalityConfig] = Answer(None, "near")
KEY_FIELDS = frozenset({"owner", "owner_id", "personality_name"})


class PersonalityQuerySet(models.QuerySet["Personality"]):
    """Bulk writes send no signals, so each forgets by itself, on commit. `delete` does send them."""

    def visible_to(self, user: Any) -> Self:
        """Their own, and the global ones; of these the inactive ones are for staff."""
        everybodys = Q(owner=None) if user.is_staff else Q(owner=None, is_active=True)
        return self.filter(Q(owner=user.pk) | everybodys)

    def served_to(self, user_id: int) -> Self:
        """By name, those that answer to it: their own, and of the global ones those of which they have none."""
        owns_first = models.F("owner").asc(nulls_last=True)
        return (
            self.filter(Q(owner=user_id) | Q(owner=None), is_active=True)
            .order_by("personality_name", owns_first)
            .distinct("personality_name")
        )

    def served_first(self) -> Self:
        """Of one name: active before inactive, one's own before the global one."""
        return self.order_by("-is_active", models.F("owner").asc(nulls_last=True))

    def update(self, **values: Any) -> int:
        """As Django's. PostgreSQL counts a version, and sets `updated_at` unless it is given."""
        with transaction.atomic(using=self.db):
            before = self._keys_by_id()
            count = super().update(**values)
            after = self._stored_keys(before) if KEY_FIELDS & values.keys() else set()
            forget_on_commit(after.union(before.values()), using=self.db)
        return count

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable["Personality"], *args: Any, **kwargs: Any) -> "list[Personality]":
        with transaction.atomic(using=self.db):
            created = super().bulk_create(objs, *args, **kwargs)
            forget_on_commit({row.key for row in created}, using=self.db)
        return created

    def _raw_delete(self, using: str | None) -> int:
        count = super()._raw_delete(using)
        forget_on_commit((), using=using or self.db)
        return int(count)

    def _keys_by_id(self) -> dict[UUID, Key]:
        return {pk: (owner, name) for pk, owner, name in self.values_list("pk", "owner_id", "personality_name")}

    def _stored_keys(self, ids: Collection[UUID]) -> set[Key]:
        rows = self.model._base_manager.using(self.db).filter(pk__in=ids)
        return set(rows.values_list("owner_id", "personality_name"))


_FromQuerySet = models.Manager.from_queryset(PersonalityQuerySet)


class PersonalityManager(_FromQuerySet["Personality"]):
    """`Personality.objects`. Lookups are by name, in any spelling, and see active personalities only.

    `owner` is a user, a user's id, or None. With an owner, a personality of their own goes before a global one of the
    same name. Inside a transaction no copy is read and none kept: the writer sees its own rows.
    """

    def contribute_to_class(self, cls: type[models.Model], name: str) -> None:
        """Django's way from the class to its manager would be half of what a lookup costs."""
        super().contribute_to_class(cls, name)
        setattr(cls, name, self)

    def get_id(self, name: str, owner: "Owner" = None) -> UUID:
        """The id of the personality. Raises Personality.DoesNotExist."""
        config = hit(name, None if owner is None else _id_of(owner)) or self._look(name, owner).value
        return config.id if config else self._none(name)

    def get_config(self, name: str, owner: "Owner" = None) -> PersonalityConfig:
        """The configuration of the personality. Raises Personality.DoesNotExist."""
        config = hit(name, None if owner is None else _id_of(owner)) or self._look(name, owner).value
        return config or self._none(name)

    def _none(self, name: str) -> NoReturn:
        raise self.model.DoesNotExist(f"No active personality is named {name!r:.120}.")

    def get_configs(self, names: Collection[str], owner: "Owner" = None) -> dict[str, PersonalityConfig]:
        """Configurations by name as given; unknown names are left out. One round trip; a query for what it lacked."""
        answers = self.lookup_many(names, owner)
        return {name: answer.value for name, answer in answers.items() if answer.value}

    def lookup(self, name: str, owner: "Owner" = None) -> Answer[PersonalityConfig]:
        """What there is under the name, or that there is nothing; and where that came from."""
        if config := hit(name, _id_of(owner)):
            return Answer(config, "near")
        return self._look(name, owner)

    def _look(self, name: str, owner: "Owner") -> Answer[PersonalityConfig]:
        """For what is not near."""
        return self.lookup_many([name], owner).get(name, NO_NAME)

    def lookup_many(self, names: Collection[str], owner: "Owner" = None) -> dict[str, Answer[PersonalityConfig]]:
        """An answer for each of `names` that can be one. Raises django.db.OperationalError when PostgreSQL is needed
        and out of reach.
        """
        spellings = {name: spelling for name in names if (spelling := _spelling(name))}
        owner_id = _id_of(owner)
        found = copies.get_many({(scope, name) for name in spellings.values() for scope in (owner_id, None)})
        answers = {given: _own_first(found[owner_id, name], found[None, name]) for given, name in spellings.items()}
        for answer in answers.values():
            copies.count(answer)
        return answers


def _own_first(own: Answer[PersonalityConfig], everybodys: Answer[PersonalityConfig]) -> Answer[PersonalityConfig]:
    """Their own if there is one; else everybody's, which is as far away as the farther of the two answers."""
    if own.value:
        return own
    farther = max(own, everybodys, key=lambda answer: SOURCES.index(answer.source))
    return everybodys._replace(source=farther.source, age=max(own.age, everybodys.age))


def _id_of(owner: "Owner") -> int | None:
    return owner if isinstance(owner, int) or owner is None else owner.pk


def _spelling(name: str) -> str | None:
    try:
        return canonical(name)
    except InvalidName:
        return None
