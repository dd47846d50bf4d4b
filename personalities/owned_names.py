"""The cache of the names each owner has: one small entry per owner, so that a lookup fetches only what will answer."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Annotated, Protocol

import msgspec
from django.conf import settings

from coherence.cache import CoherentCache
from coherence.change_log import CopyRef, NumberedQuery, Position
from coherence.codec import ID_PATTERN, Codec, id_from
from coherence.feed import feed
from coherence.redis_copies import RedisCopies
from personalities.config import Frozen, Name

ALL_OWNERS_QUESTION = CopyRef(0, "personality")  # asks for the names of all owners at once; there is no such copy
MAX_NAMES = 100  # in an entry; if an owner has more, each name is looked up by itself


# No docstring: it would be part of the fingerprint. `names` is None if there are more than MAX_NAMES.
class OwnedNames(Frozen, frozen=True):
    names: Annotated[tuple[Name, ...], msgspec.Meta(max_length=MAX_NAMES)] | None

    def may_include(self, name: str) -> bool:
        """Whether the owner has an active personality of that canonical name, or may have one."""
        return self.names is None or name in self.names


class OwnedNamesCodec(Codec[int, OwnedNames]):
    """`personality:{owner}:names`. Its key in the change log is `personality:{owner}`: the group of all their rows."""

    _redis_name = re.compile(f"personality:({ID_PATTERN}):names")

    def __init__(self) -> None:
        super().__init__("personality", OwnedNames, key_field="owner")
        self.pattern = "personality:*:names"

    def redis_key(self, key: int) -> str:
        """The Redis key of the names that an owner has."""
        return f"{self.log_key(key)}:names"

    def key_from_redis(self, redis_key: str) -> int | None:
        """The owner whose entry is stored as `redis_key` in Redis, or None if it is no such entry."""
        match = self._redis_name.fullmatch(redis_key)
        return id_from(match[1]) if match else None


class Row(Protocol):
    """The part of a Personality that is read here."""

    owner_id: int
    personality_name: str


_query: NumberedQuery[Row] = NumberedQuery(
    "personalities.Personality",
    # For each owner at most one row more than an entry lists, however many they have.
    f"""id IN (SELECT found.id FROM unnest(%(owners)s::bigint[]) AS asked, LATERAL (
        SELECT id FROM personalities_personality WHERE owner_id = asked AND is_active LIMIT {MAX_NAMES + 1}) AS found)
    """,  # noqa: S608
    ("id", "owner_id", "personality_name"),
)


def load(owners: Collection[int]) -> tuple[Position | None, dict[int, OwnedNames]]:
    """The names of the active personalities that each of `owners` (ids) has, possibly none, and the position of the
    change log, in one statement.
    """
    position, rows = _query(owners=list(owners))
    names: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        names[row.owner_id].append(row.personality_name)
    return position, {owner: _listed(names[owner]) for owner in owners}


def _listed(names: Collection[str]) -> OwnedNames:
    return OwnedNames(tuple(sorted(names)) if len(names) <= MAX_NAMES else None)


class OwnedNamesCache(CoherentCache[int, OwnedNames]):
    """Keys are groups, but the change log stores rows, so one scan covers all owners."""

    def ask_about(self, copies: Mapping[int, tuple[Position, OwnedNames | None]]) -> None:
        """Find out which copies are outdated, by one question for all owners. Copies from before the range that it
        scans are reloaded, and the next question scans further back.
        """
        known = {self.log_key(owner): position for owner, (position, _) in copies.items()}
        if unsure := {group: position.number for group, position in known.items() if feed.is_unsure(group, position)}:
            if feed.should_look_back_to(min(unsure.values())):
                self.log_questions.get_many([ALL_OWNERS_QUESTION])
            feed.bound_last_changes(unsure)
            super().ask_about(copies)  # about those whose numbers are still unknown

    def query_log(self, questions: Collection[CopyRef]) -> None:
        """Have the feed ask the log about all groups, if that is the question."""
        feed.look_back() if ALL_OWNERS_QUESTION in questions else super().query_log(questions)


codec = OwnedNamesCodec()
owned_names_in_redis = RedisCopies(codec, ttl=settings.COPY_TTL_SECONDS)
owned_names = OwnedNamesCache(
    "owned_names",
    load,
    codec.log_key,
    shared=owned_names_in_redis,
    capacity=settings.LOCAL_CACHE_ENTRIES,
    stale_if_error_seconds=settings.COPY_STALE_IF_ERROR_SECONDS,
)
