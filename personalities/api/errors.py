"""Errors of the API that name the field at fault in `errors`."""

from typing import Any

from rest_framework.exceptions import APIException, NotFound, PermissionDenied


class NameTaken(APIException):
    status_code = 409
    default_detail = "There is a personality of this name already."
    errors = {"personality_name": [default_detail]}


class PersonalityNotFound(NotFound):
    def __init__(self, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.errors = {"name": [reason]}
        self.headers = headers or {}


class PreconditionRequired(APIException):
    status_code = 428
    default_detail = "PUT replaces the whole: send the ETag of what you have read as If-Match."
    errors = {"If-Match": [default_detail]}


class PreconditionFailed(APIException):
    """With what there is now, so that the caller can decide without another request."""

    status_code = 412

    def __init__(self, reason: str, current: dict[str, Any], etag: str) -> None:
        super().__init__(f"It has changed since you read it: {reason}.")
        self.errors = {"If-Match": [str(self.detail)]}
        self.headers = {"ETag": etag}
        self.members = {"current": current}


class VersionNotFound(NotFound):
    def __init__(self, number: int) -> None:
        super().__init__(f"There is no version {number}.")
        self.errors = {"version": [str(self.detail)]}


class GlobalIsForStaff(PermissionDenied):
    default_detail = "A global personality is written by staff only, who also see its history."
    errors = {"name": [default_detail]}
