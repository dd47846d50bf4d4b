"""Pages of messages, bounded in number and in bytes."""

from collections.abc import Sequence

from conversations.models import MAX_BYTES, MessageQuerySet, MessageRow
from rest.pages import BoundedPages, BoundedPaginator

MAX_PAGE_BYTES = 4 * MAX_BYTES  # of messages, but one at least; escaped in JSON its text may be six times as long


class MessagePaginator(BoundedPaginator):
    """Positions have no gaps, so a message's place in the list is its position."""

    object_list: MessageQuerySet

    def read(self, begin: int, limit: int) -> Sequence[MessageRow]:
        """Up to `limit` messages behind the first `begin`: fewer if they are long, but at least one."""
        return self.object_list.read_from(begin + 1, limit, MAX_PAGE_BYTES)


class MessagePages(BoundedPages):
    """Pages of messages, which end early where messages are long. `next` goes on behind the last one."""

    paginator_class = MessagePaginator
