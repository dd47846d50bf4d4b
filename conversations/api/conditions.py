"""What a request's headers ask for: that nobody has written since, and that a repeat counts once."""

import re

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from conversations.api import rows
from conversations.models import Conversation
from rest.conditional import check_if_match

KEY = re.compile(r"[!-~]{1,255}")  # visible ASCII
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": f"^{KEY.pattern}$"},
    "header",
    description="Of your choice, up to 255 visible ASCII characters. The same request with the same key, however often "
    "it is sent, keeps one message and answers with it; another one with the same key is refused with 409.",
)


def check(request: Request, row: Conversation) -> None:
    """Raises PreconditionFailed unless If-Match is absent, `*`, or has the row's ETag. The row must be locked."""
    check_if_match(request, rows.represent(row), "what there is now is `current`")


def idempotency_key(request: Request) -> str:
    """Empty where the caller sent none."""
    given = request.headers.get("Idempotency-Key")
    if given is not None and not KEY.fullmatch(given):
        raise ValidationError({"Idempotency-Key": "1 to 255 visible ASCII characters."})
    return given or ""
