"""Errors of the API that name the field at fault in `errors`."""

from typing import Any
from uuid import UUID

from rest_framework.exceptions import APIException, NotFound


class ConversationNotFound(NotFound):
    def __init__(self, id: UUID) -> None:
        super().__init__(f"You have no conversation {id}.")
        self.errors = {"id": [str(self.detail)]}


class NoPersonality(APIException):
    status_code = 409
    default_detail = "This personality is not there any more; the conversation keeps the version that it has."
    errors = {"personality": [default_detail]}


class IdempotencyKeyReused(APIException):
    status_code = 422
    default_detail = "This key was sent with another message. A new message has a new key."
    errors = {"Idempotency-Key": [default_detail]}


class PreconditionFailed(APIException):
    """With what there is now, so that the caller can decide without another request."""

    status_code = 412
    default_detail = "It has changed since you read it."
    errors = {"If-Match": [default_detail]}

    def __init__(self, current: dict[str, Any], etag: str) -> None:
        super().__init__()
        self.headers = {"ETag": etag}
        self.members = {"current": current}
