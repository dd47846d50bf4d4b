"""Lookups by name, and writes that forget what they made untrue."""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now

from personalities import cache
from personalities.cache.keys import Key
from personalities.config import PersonalityConfig
from personalities.names import InvalidName, canonical

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser

    from personalities.models import Personality

    Owner = AbstractBaseUser | AnonymousUser | int | None

KEY_FIELDS = frozenset({"owner", "owner_id", "personality_name"})


class PersonalityQuerySet(models.QuerySet["Personality"]):
    """Bulk writes send no signals, so each forgets by itself, on commit. `delete` does send them."""

    def visible_to(self, user: Any) -> Self:
        """Their own, and the global ones; of these the inactive ones are for staff."""
        everybodys = Q(owner=None) if user.is_staff else Q(owner=None, is_active=True)
        return self.filter(Q(owner=user.pk) | everybodys)

    def served_first(self) -> Self:
        """Of one name: active before inactive, one's own before the global one."""
        return self.order_by("-is_active", models.F("owner").asc(nulls_last=True))

    def update(self, **values: Any) -> int:
        """As Django's; also counts a version and, unless given, sets `updated_at`."""
        versioned = {"version": models.F("version") + 1, "updated_at": Now()} | values
        with transaction.atomic(using=self.db):
            before = self._keys_by_id()
            count = super().update(**versioned)
            after = self._stored_keys(before) if KEY_FIELDS & values.keys() else set()
            cache.forget_on_commit(after.union(before.values()), using=self.db)
        return count

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable["Personality"], *args: Any, **kwargs: Any) -> "list[Personality]":
        with transaction.atomic(using=self.db):
            created = super().bulk_create(objs, *args, **kwargs)
            cache.forget_on_commit({row.key for row in created}, using=self.db)
        return created

    def _keys_by_id(self) -> dict[UUID, Key]:
        return {pk: (owner, name) for pk, owner, name in self.values_list("pk", "owner_id", "personality_name")}

    def _stored_keys(self, ids: Collection[UUID]) -> set[Key]:
        rows = self.model._base_manager.using(self.db).filter(pk__in=ids)
        return set(rows.values_list("owner_id", "personality_name"))


_FromQuerySet = models.Manager.from_queryset(PersonalityQuerySet)


class PersonalityManager(_FromQuerySet["Personality"]):
    """`Personality.objects`. Lookups are by name, in any spelling, and see active personalities only.

    `owner` is a user, a user's id, or None. With an owner, a personality of their own goes before a global one of the
    same name. Inside a transaction the cache is neither read nor filled: the writer sees its own rows.
    """

    def get_id(self, name: str, owner: "Owner" = None) -> UUID:
        """The id of the personality. Raises Personality.DoesNotExist."""
        return self.get_config(name, owner).id

    def get_config(self, name: str, owner: "Owner" = None) -> PersonalityConfig:
        """The configuration of the personality. Raises Personality.DoesNotExist."""
        configs = self.get_configs([name], owner)
        if name not in configs:
            raise self.model.DoesNotExist(f"No active personality is named {name!r:.120}.")
        return configs[name]

    def get_configs(self, names: Collection[str], owner: "Owner" = None) -> dict[str, PersonalityConfig]:
        """Configurations by name as given; unknown names are left out. One round trip; a query for what it lacked."""
        spellings = {name: spelling for name in names if (spelling := _spelling(name))}
        owner_id = _id_of(owner)
        found = self._read(spellings.values(), owner_id)
        own_before_global = {
            given: found.get((owner_id, name)) or found.get((None, name)) for given, name in spellings.items()
        }
        return {given: config for given, config in own_before_global.items() if config}

    def load(self, keys: Collection[Key]) -> dict[Key, PersonalityConfig]:
        """Configurations straight from the database, in one query."""
        names = {name for _, name in keys}
        owners = {owner for owner, _ in keys if owner is not None}
        rows = self.filter(is_active=True, personality_name__in=names)
        rows = rows.filter(Q(owner=None) | Q(owner__in=owners))
        return {row.key: row.to_config() for row in rows if row.key in keys}

    def _read(self, names: Iterable[str], owner: int | None) -> Mapping[Key, PersonalityConfig]:
        keys = {(scope, name) for name in names for scope in {owner, None}}
        if transaction.get_connection(self.db).in_atomic_block:
            return self.load(keys)
        found, nobodys = cache.get_many(keys)
        # A personality of one's own hides the global one, which then need not be looked for.
        lacking = keys - found.keys() - nobodys
        if missing := {(scope, name) for scope, name in lacking if (owner, name) not in found}:
            loaded = self.load(missing)
            cache.store(loaded.values(), self._names_of({scope for scope, _ in missing if scope is not None}))
            found |= loaded
        return found

    def _names_of(self, owners: Collection[int]) -> dict[int, list[str]]:
        """The names of the active personalities of each owner."""
        names: dict[int, list[str]] = {owner: [] for owner in owners}
        owned = self.filter(is_active=True, owner__in=owners).values_list("owner_id", "personality_name")
        for owner, name in owned if owners else ():
            names[owner].append(name)
        return names


def _id_of(owner: "Owner") -> int | None:
    return owner if isinstance(owner, int) or owner is None else owner.pk


def _spelling(name: str) -> str | None:
    try:
        return canonical(name)
    except InvalidName:
        return None
