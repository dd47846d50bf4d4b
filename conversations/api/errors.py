"""Errors of the API that name the field at fault in `errors`."""

from uuid import UUID

from rest_framework.exceptions import APIException, NotFound


class ConversationNotFound(NotFound):
    def __init__(self, id: UUID) -> None:
        super().__init__(f"You have no conversation {id}.")
        self.errors = {"id": [str(self.detail)]}


class PersonalityNotFound(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"No active personality is named {name!r}.")
        self.errors = {"personality": [str(self.detail)]}


class PersonalityGone(APIException):
    status_code = 409
    default_detail = "This personality is not there any more; the conversation keeps the version that it has."
    errors = {"personality": [default_detail]}


class IdempotencyKeyReused(APIException):
    status_code = 409
    default_detail = "This key was sent with another message. A new message has a new key."
    errors = {"Idempotency-Key": [default_detail]}
