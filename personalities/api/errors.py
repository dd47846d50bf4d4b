"""The API's own errors. Each names what is at fault in `errors`, as `rest.problems` shows them."""

from collections.abc import Mapping
from http import HTTPStatus

from rest_framework.exceptions import APIException, NotFound, PermissionDenied


class NameTaken(APIException):
    """409: the owner has another personality of this name."""

    status_code = HTTPStatus.CONFLICT
    default_detail = "There is a personality of this name already."
    errors = {"personality_name": [default_detail]}


class PersonalityNotFound(NotFound):
    """404. `headers` say where the answer came from, if it was looked up."""

    def __init__(self, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.errors = {"name": [reason]}
        self.headers = headers or {}


class VersionNotFound(NotFound):
    """404: the personality has no version of this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"There is no version {number}.")
        self.errors = {"version": [str(self.detail)]}


class GlobalIsForStaff(PermissionDenied):
    """403: the caller may read this global personality, but neither write it nor see its history."""

    default_detail = "Only staff may change a global personality or see its history."
    errors = {"name": [default_detail]}
