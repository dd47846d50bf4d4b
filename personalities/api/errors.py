"""Errors of the API that name the field at fault in `errors`."""

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


class GlobalIsForStaff(PermissionDenied):
    default_detail = "A global personality is written by staff only."
    errors = {"name": [default_detail]}
