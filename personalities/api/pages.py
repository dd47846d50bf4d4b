"""Pages of personalities, bounded in number and in bytes."""

from collections.abc import Iterator, Sequence

import msgspec
from django.db.models import QuerySet

from personalities.models import Personality
from rest.pages import BoundedPages, BoundedPaginator

MAX_PAGE_BYTES = 1024 * 1024  # of personalities as JSON, each of which has 25 KiB at most


class PersonalityPaginator(BoundedPaginator):
    """Shows each as `GET` of it does."""

    object_list: QuerySet[Personality]

    def read(self, begin: int, limit: int) -> Sequence[msgspec.Raw]:
        """See BoundedPaginator."""
        return list(_shown(self.object_list[begin : begin + limit]))


class PersonalityPages(BoundedPages):
    """See BoundedPages."""

    paginator_class = PersonalityPaginator


def _shown(rows: QuerySet[Personality]) -> Iterator[msgspec.Raw]:
    left = MAX_PAGE_BYTES
    for row in rows:
        json = row.to_config().json
        left -= len(json)
        if left < 0:
            return
        yield msgspec.Raw(json)
