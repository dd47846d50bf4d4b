"""Whose lists of names are copied into Redis before anybody asks for them."""

from collections.abc import Collection

from django.contrib.auth.models import User
from django.db.models import F

from coherence.warming import warm
from personalities.models import Personality
from personalities.owned_names import owned_names, owned_names_in_redis

EXPECTED_USERS = 100_000
ENTRIES_PER_BATCH = 1000  # most take about a hundred bytes


def expected_owners() -> set[int]:
    """The ids of users for whom lookups are likely: the owners of personalities, the holders of API keys, and the
    EXPECTED_USERS who signed in last.
    """
    users = User.objects.filter(is_active=True)
    latest = users.order_by(F("last_login").desc(nulls_last=True), "pk")[:EXPECTED_USERS]
    holders = users.filter(api_keys__revoked_at=None, api_keys__isnull=False)
    owners = Personality.objects.exclude(owner=None).values_list("owner_id", flat=True)
    return {*owners, *holders.values_list("pk", flat=True), *latest.values_list("pk", flat=True)}


def warm_owned_names(owners: Collection[int]) -> None:
    """Copy the list of names of each of `owners` (ids) into Redis. Raises RedisUnavailable."""
    for _ in warm(owned_names, owned_names_in_redis, list(owners), ENTRIES_PER_BATCH):
        pass
