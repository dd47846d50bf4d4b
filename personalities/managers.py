"""`Personality.objects`: lookups by name, and bulk writes that invalidate what they change."""

import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, Self
from uuid import UUID

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db import models, transaction
from django.db.models import Q

from coherence.cache import Answer
from coherence.feed import catch_up_on_commit
from personalities.cache import Key, config_cache
from personalities.config import PersonalityConfig
from personalities.lookup import config_from_memory, look_up
from personalities.names import InvalidName, canonical, no_active

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser, User

    from personalities.models import Personality

    Owner = AbstractBaseUser | AnonymousUser | int | None

INVALID_NAME: Answer[PersonalityConfig] = Answer(None, "near")
# Read as spaces: PostgreSQL would take nova-2 for "nova" and minus two, and other names for addresses.
JOINTS = "-_.,:;/@#&+<>=~"


def _apart(field: str) -> models.Func:
    return models.Func(models.F(field), models.Value(JOINTS), models.Value(" " * len(JOINTS)), function="translate",
                       output_field=models.TextField())  # fmt: skip


# The words of both names. A search must use this very expression: it is the one that the index was built from.
NAME_WORDS = SearchVector(_apart("personality_name"), _apart("display_name"), config="simple")
# The ASCII characters that separate words. Among other characters PostgreSQL decides what a word is.
WORD_BREAKS = re.compile(r"[\x00-/:-@[-`{-\x7f]")
KEY_FIELDS = frozenset({"owner", "owner_id", "personality_name"})


class PersonalityQuerySet(models.QuerySet["Personality"]):
    """Bulk writes send no signals, so after the commit of each this process catches up with the change log, and most
    delete the old copies from Redis. `delete` does send signals.
    """

    def visible_to(self, user: "User | AnonymousUser") -> Self:
        """The user's own and the global ones; inactive global ones are for staff."""
        global_ones = Q(owner=None) if user.is_staff else Q(owner=None, is_active=True)
        return self.filter(Q(owner=user.pk) | global_ones if user.is_authenticated else global_ones)

    def served_to(self, user_id: int | None) -> Self:
        """The one that answers to each name: the user's own, else the global one. Ordered by name."""
        owns_first = models.F("owner").asc(nulls_last=True)
        return (
            self.filter(Q(owner=user_id) | Q(owner=None), is_active=True)
            .order_by("personality_name", owns_first)
            .distinct("personality_name")
        )

    def matching_words(self, text: str) -> Self:
        """Those whose names contain, for each word of `text`, a word that begins with it; all if `text` is blank.

        The search uses an index.
        """
        words = WORD_BREAKS.sub(" ", text).split()
        if not words:
            return self.none() if text.strip() else self
        query = SearchQuery(" & ".join(f"'{word}':*" for word in words), config="simple", search_type="raw")
        return self.alias(words=NAME_WORDS).filter(words=query)

    def order_by_precedence(self) -> Self:
        """Order by which one answers to a name: active before inactive, then the user's own before the global one."""
        return self.order_by("-is_active", models.F("owner").asc(nulls_last=True))

    def active_keys(self) -> list[Key]:
        """The keys under which the active ones are cached."""
        return list(self.filter(is_active=True).values_list("owner_id", "personality_name"))

    def update(self, **values: object) -> int:
        """Django's `update`; copies are forgotten. PostgreSQL counts versions, and sets `updated_at` unless given."""
        with transaction.atomic(using=self.db):
            before = self._keys_by_id()
            count = super().update(**values)
            after = self._stored_keys(before) if KEY_FIELDS & values.keys() else set()
            config_cache.forget_on_commit(after.union(before.values()), using=self.db)
        return count

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable["Personality"], *args: Any, **kwargs: Any) -> "list[Personality]":
        """Django's `bulk_create`. At the commit, copies of the created names are forgotten, absences too."""
        with transaction.atomic(using=self.db):
            created = super().bulk_create(objs, *args, **kwargs)
            config_cache.forget_on_commit({row.key for row in created}, using=self.db)
        return created

    def _raw_delete(self, using: str | None) -> int:
        count = super()._raw_delete(using)
        catch_up_on_commit(using or self.db)
        return int(count)

    def _keys_by_id(self) -> dict[UUID, Key]:
        return {pk: (owner, name) for pk, owner, name in self.values_list("pk", "owner_id", "personality_name")}

    def _stored_keys(self, ids: Collection[UUID]) -> set[Key]:
        rows = self.model._base_manager.using(self.db).filter(pk__in=ids)
        return set(rows.values_list("owner_id", "personality_name"))


_FromQuerySet = models.Manager.from_queryset(PersonalityQuerySet)


class PersonalityManager(_FromQuerySet["Personality"]):
    """`Personality.objects`. Lookups are by name, in any spelling, and find active personalities only.

    `owner` is a user, a user's id, or None. An owner's personality takes precedence over a global one of the same name.
    Inside a transaction no copy is read or kept: the writer sees its own rows.
    """

    def contribute_to_class(self, cls: type[models.Model], name: str) -> None:
        """Put the manager itself on the class: Django's descriptor would be half the cost of a lookup."""
        super().contribute_to_class(cls, name)
        setattr(cls, name, self)

    def get_id(self, name: str, owner: "Owner" = None) -> UUID:
        """The id of the personality. Raises Personality.DoesNotExist, and OperationalError as `lookup` does."""
        config = config_from_memory(name, None if owner is None else _id_of(owner)) or self._look_up(name, owner).value
        return config.id if config else self._raise_missing(name)

    def get_config(self, name: str, owner: "Owner" = None) -> PersonalityConfig:
        """The configuration of the personality. Raises as `get_id` does; `lookup` also says if it is unverified."""
        config = config_from_memory(name, None if owner is None else _id_of(owner)) or self._look_up(name, owner).value
        return config or self._raise_missing(name)

    def _raise_missing(self, name: str) -> NoReturn:
        raise self.model.DoesNotExist(no_active(name))

    def get_configs(self, names: Collection[str], owner: "Owner" = None) -> dict[str, PersonalityConfig]:
        """Configurations by name as given, without unknown names.

        However many names there are, this takes a few round trips: one to Redis for all that memory lacks, one to
        PostgreSQL for all that Redis lacks, and one to store these in Redis. With an `owner`, up to three more come
        before these, to find out which names the owner has, and up to three after them, to fall back to global
        personalities for names the owner no longer has. Copies that the process cannot judge, and rows that change
        meanwhile, take further ones.
        """
        answers = self.lookup_many(names, owner)
        return {name: answer.value for name, answer in answers.items() if answer.value}

    def lookup(self, name: str, owner: "Owner" = None) -> Answer[PersonalityConfig]:
        """The configuration, or None, and where the answer came from. Raises django.db.OperationalError when PostgreSQL
        is needed and out of reach.
        """
        if config := config_from_memory(name, _id_of(owner)):
            return Answer(config, "near")
        return self._look_up(name, owner)

    def _look_up(self, name: str, owner: "Owner") -> Answer[PersonalityConfig]:
        """The answer where `config_from_memory` has none: nobody has the name, or somebody has to be asked."""
        return self.lookup_many([name], owner).get(name, INVALID_NAME)

    def lookup_many(self, names: Collection[str], owner: "Owner" = None) -> dict[str, Answer[PersonalityConfig]]:
        """An answer for each of `names` that is a valid name. Raises django.db.OperationalError as `lookup` does."""
        spellings = {name: spelling for name in names if (spelling := _spelling(name))}
        found = look_up(set(spellings.values()), _id_of(owner))
        answers = {given: found[name] for given, name in spellings.items()}
        for answer in answers.values():
            config_cache.count(answer)
        return answers


def _id_of(owner: "Owner") -> int | None:
    return owner if isinstance(owner, int) or owner is None else owner.pk


def _spelling(name: str) -> str | None:
    try:
        return canonical(name)
    except InvalidName:
        return None
