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


class VersionNotFound(NotFound):
    def __init__(self, number: int) -> None:
        super().__init__(f"There is no version {number}.")
        self.errors = {"version": [str(self.detail)]}


class GlobalIsForStaff(PermissionDenied):
    default_detail = "A global personality is written by staff only, who also see its history."
    errors = {"name": [default_detail]}
