"""Lookups by name: the owner's own personality, or else the global one."""

from collections.abc import Collection
from functools import lru_cache
from typing import Any

from coherence.cache import SOURCES, Answer, CoherentCache, memory_may_answer
from coherence.feed import feed
from coherence.local_cache import Copy
from personalities.cache import Key, config_cache
from personalities.config import PersonalityConfig
from personalities.names import InvalidName, canonical
from personalities.owned_names import OwnedNames, owned_names

# How names were resolved, by their spelling as given: looking up a name again needs neither its canonical spelling nor
# its keys. `deciding_copy`, of `deciding_cache`, tells whose personality answers, the owner's or the global one: it is
# the copy under the owner's key, which may say that there is none, or else the list of the owner's names.
# `answering_copy` is the copy of the personality that answers.
# They are plain tuples, always unpacked under these names: Python takes a fifth longer to unpack a named tuple.
Decision = tuple[CoherentCache[Any, Any], Copy[Any, Any]]  # deciding_cache, deciding_copy
Resolution = tuple[CoherentCache[Any, Any], Copy[Any, Any], Copy[Key, PersonalityConfig]]  # and answering_copy


class Resolutions(dict[tuple[str, int | None], Resolution]):
    """Resolutions by name, as it was given, and owner."""

    released_weight = 0  # of all copies that memory had let go by the time the resolutions were last forgotten

    def remember(self, name: str, owner: int | None, resolution: Resolution) -> Resolution:
        """Keep `resolution`. If there are too many, or memory has dropped copies of too much weight since, forget all
        others first: they may keep dropped copies alive.
        """
        released = config_cache.positive.released_weight_total
        if len(self) >= config_cache.capacity or abs(released - self.released_weight) > config_cache.max_weight // 8:
            self.clear()
            self.released_weight = released
        self[name, owner] = resolution
        return resolution


_resolutions = Resolutions()


def config_from_memory(name: str, owner: int | None) -> PersonalityConfig | None:
    """The configuration that answers a lookup without asking anybody, counted as a read: the owner's, else the global.

    None when PostgreSQL or Redis must be asked, and when it is known that there is no such personality.
    """
    return current_config_in_memory(name, owner) if memory_may_answer() else None


def current_config_in_memory(name: str, owner: int | None) -> PersonalityConfig | None:
    """What `config_from_memory` returns, for a caller that has checked `coherence.cache.memory_may_answer` itself."""
    resolution = _resolutions.get((name, owner))
    if resolution is not None:
        deciding_cache, deciding_copy, answering_copy = resolution
        # Nearly always both were found current at this very revision of the feed: compared here, without a call.
        if deciding_copy.revision == answering_copy.revision == feed.revision or (
            deciding_cache.is_current(deciding_copy) and config_cache.is_current(answering_copy)
        ):
            deciding_copy.used = True
            return answering_copy.read()
    resolution = _resolve(name, owner)
    if resolution is None:
        return None
    _, _, answering_copy = resolution
    return answering_copy.read()


_canonical = lru_cache(maxsize=1000)(canonical)  # the same names are asked for again and again


def _resolve(name: str, owner: int | None) -> Resolution | None:
    """Resolve from the copies in memory, whatever was resolved before."""
    try:
        spelling = _canonical(name)
    except InvalidName:
        return None
    own = config_cache.current_copy((owner, spelling))
    if own is not None and own.value is not None:
        return _resolutions.remember(name, owner, (config_cache, own, own))
    decision = (config_cache, own) if own is not None else _list_ruling_out(spelling, owner)
    answering_copy = config_cache.current_copy((None, spelling)) if decision else None
    if decision is None or answering_copy is None or answering_copy.value is None:
        return None
    return _resolutions.remember(name, owner, (*decision, answering_copy))


def _list_ruling_out(name: str, owner: int | None) -> Decision | None:
    """The list of the owner's names, if memory has a current one and it rules out that `name` is among them."""
    listed = owned_names.current_copy(owner) if owner is not None else None
    if listed is None or listed.value is None or listed.value.may_include(name):
        return None
    return owned_names, listed


# ── Not from memory alone ─────────────────────────────────────────────────────────────────────────────────────────────

# What is known without asking anybody, memory included; "near" is the nearest source that there is.
OWNS_NOTHING: Answer[OwnedNames] = Answer(OwnedNames(()), "near")
MAY_OWN_ANYTHING: Answer[OwnedNames] = Answer(OwnedNames(None), "near")


def look_up(names: Collection[str], owner: int | None) -> dict[str, Answer[PersonalityConfig]]:
    """An answer for each of the canonical `names`: the owner's own, else the global one. Not counted.

    Raises OperationalError when PostgreSQL is needed and out of reach. Only copies that decide an answer are fetched.
    """
    owned = _owned_names_answer(names, owner)
    keys: dict[str, Key] = {name: (owner if _may_own(owned, name) else None, name) for name in names}
    found = config_cache.get_many(set(keys.values()))
    # Names are not listed for an owner who has very many, and a personality that is listed may have gone since.
    absent = {(None, name) for (_, name), answer in found.items() if answer.value is None}
    found |= config_cache.get_many(absent - found.keys())
    answers = {name: _with_provenance(owned, found[key]) for name, key in keys.items()}
    return {
        name: answer if answer.value else _with_provenance(answer, found[None, name])
        for name, answer in answers.items()
    }


def _owned_names_answer(names: Collection[str], owner: int | None) -> Answer[OwnedNames]:
    """Which names `owner` has. Not fetched if memory has a personality of theirs for each of `names`: then all are
    looked up as theirs anyway.

    It only says where to look first. So it does no harm if those copies turn out to be outdated or, in a transaction,
    must not be read: `config_cache.get_many` checks each, and where the owner has none, the global one comes next.
    """
    if owner is None:
        return OWNS_NOTHING
    own = [config_cache.current_copy((owner, name)) for name in names]
    return MAY_OWN_ANYTHING if all(copy and copy.value for copy in own) else owned_names.get(owner)


def _may_own(owned: Answer[OwnedNames], name: str) -> bool:
    return owned.value is not None and owned.value.may_include(name)


def _with_provenance(
    first: Answer[OwnedNames] | Answer[PersonalityConfig], last: Answer[PersonalityConfig]
) -> Answer[PersonalityConfig]:
    """The `last` answer, with the farther source and the greater age of the two: both were needed."""
    farther = max(first, last, key=lambda answer: SOURCES.index(answer.source))
    return last._replace(source=farther.source, age=max(first.age, last.age))
