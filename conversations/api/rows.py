"""The conversation that a request is about, if its caller owns it, and the conditions in the request's headers."""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from conversations.api.serializers import ConversationNotFound, ConversationSerializer
from conversations.models import Conversation, ConversationQuerySet
from conversations.turns import IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_RULE
from rest.conditional import Representation, check_if_match
from rest.fields import StrictSerializer
from rest.query_parameters import check_parameters

IDEMPOTENCY_PARAMETER = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY.pattern}$"},
    "header",
    description="Of your choice, up to 255 visible ASCII characters. The same request with the same key, however often "
    "it is sent, stores one message and is answered with it; a different one with the same key is refused with 409.",
)

DRY_RUN = OpenApiParameter(
    "dry_run", bool, description="true: change nothing, and answer with what would change, as UpgradePreview."
)


def owned(request: Request, id: UUID) -> Conversation:
    """The caller's conversation. Raises ConversationNotFound."""
    return _first(Conversation.objects.owned_by(request.user), id)


def locked(request: Request, id: UUID) -> Conversation:
    """The caller's conversation, locked until the transaction ends. Raises ConversationNotFound."""
    return _first(Conversation.objects.owned_by(request.user).select_for_update(), id)


def _first(rows: ConversationQuerySet, id: UUID) -> Conversation:
    if row := rows.filter(pk=id).first():
        return row
    raise ConversationNotFound(id)


def represent(conversation: Conversation) -> Representation:
    """The JSON of the conversation and its ETag."""
    return Representation.of(dict(ConversationSerializer(conversation).data))


def check_unchanged(request: Request, row: Conversation) -> None:
    """Raises PreconditionFailed unless If-Match is absent, `*`, or has the row's ETag. The row must be locked."""
    check_if_match(request, represent(row), "what there is now is `current`")


def idempotency_key(request: Request) -> str:
    """The Idempotency-Key header; empty if there is none. Raises ValidationError if it is malformed."""
    given = request.headers.get("Idempotency-Key")
    if given is not None and not IDEMPOTENCY_KEY.fullmatch(given):
        raise ValidationError({"Idempotency-Key": IDEMPOTENCY_KEY_RULE})
    return given or ""


def is_dry_run(request: Request) -> bool:
    """What the query says. Raises ValidationError: misspelt or in the body, it would do what was only to be shown."""
    check_parameters(request, {DRY_RUN.name})
    StrictSerializer(data=request.data).is_valid(raise_exception=True)
    if (given := request.query_params.get(DRY_RUN.name, "false")) not in {"true", "false"}:
        raise ValidationError({DRY_RUN.name: "Must be true or false."})
    return given == "true"
