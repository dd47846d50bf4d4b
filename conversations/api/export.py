"""A conversation as a file, for its owner to take away."""

from collections.abc import Iterator
from uuid import UUID

import msgspec
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from conversations.api import rows
from conversations.api.serializers import ExportSerializer
from conversations.models import Conversation
from conversations.recent import head

BATCH = 500  # messages a query
FIELDS = ("id", "position", "role", "content", "created_at")  # MessageSerializer's, which would take ten times as long


class ExportView(APIView):
    @extend_schema(responses=ExportSerializer)
    def get(self, request: Request, id: UUID) -> HttpResponse:
        """The conversation and all its messages, in order, as a file."""
        row = rows.owned(request, id)
        messages = b",".join(_encoded(row))
        rows.owned(request, id)  # still: who deletes it meanwhile must not leave half of it in a file that looks whole
        body = b'{"conversation":%s,"messages":[%s]}' % (rows.represent(row).body, messages)
        name = f'attachment; filename="conversation-{row.pk}.json"'
        headers = {"Content-Disposition": name, "Cache-Control": "private, no-store"}
        return HttpResponse(body, content_type="application/json", headers=headers)


def _encoded(conversation: Conversation) -> Iterator[bytes]:
    """A batch at a time, up to the message that is the last when it begins."""
    last = head(conversation)
    for first in range(1, last.position + 1 if last else 1, BATCH):
        batch = conversation.messages.filter(position__range=(first, first + BATCH - 1)).order_by("position")
        yield msgspec.json.encode(list(batch.values(*FIELDS)))[1:-1]
