"""What a request's headers ask for: that nobody has written since, and that a repeat counts once."""

import re

from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from conversations.api import rows
from conversations.api.errors import PreconditionFailed
from conversations.api.serializers import ConversationSerializer
from conversations.models import Conversation

KEY = re.compile(r"[!-~]{1,255}")  # visible ASCII
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    location="header",
    description="Of your choice, up to 255 visible ASCII characters. The same request with the same key, however often "
    "it is sent, keeps one message and answers with it; another one with the same key is refused with 422.",
)


def check(request: Request, row: Conversation) -> None:
    """Raises PreconditionFailed unless If-Match is absent, `*`, or has the row's ETag. The row must be locked."""
    given, etag = request.headers.get("If-Match"), rows.represent(row).etag
    if given is not None and not {etag, "*"}.intersection(parse_etags(given)):
        raise PreconditionFailed(dict(ConversationSerializer(row).data), etag)


def idempotency_key(request: Request) -> str:
    """Empty where the caller sent none."""
    given = request.headers.get("Idempotency-Key")
    if given is not None and not KEY.fullmatch(given):
        raise ValidationError({"Idempotency-Key": "1 to 255 visible ASCII characters."})
    return given or ""
