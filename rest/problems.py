"""Errors as problem details (RFC 9457, application/problem+json), with a list of messages for each field at fault.

An exception may carry more than DRF's status and detail: `errors` by field, `headers`, and further `members` of the
body.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from rest_framework.exceptions import APIException, UnsupportedMediaType, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from resilience.database import outage

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = "1"  # seconds


class PreconditionRequired(APIException):
    """428: the request must say with If-Match what its author has read."""

    status_code = HTTPStatus.PRECONDITION_REQUIRED
    default_detail = "PUT replaces the whole resource: send the ETag that you last read as If-Match."
    errors = {"If-Match": [default_detail]}


class PreconditionFailed(APIException):
    """412, with what there is now, so that the caller can decide without another request."""

    status_code = HTTPStatus.PRECONDITION_FAILED

    def __init__(self, reason: str, current: object, etag: str) -> None:
        super().__init__(f"It has changed since you read it: {reason}.")
        self.errors = {"If-Match": [str(self.detail)]}
        self.headers = {"ETag": etag}
        self.members = {"current": current}


def to_problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. None, and so a 500, for what is neither foreseen nor an outage of the database."""
    if detail := outage(error):
        logger.error("%s %s", detail, error)
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": RETRY_AFTER})
    response = exception_handler(error, context)
    if response is None:
        return None
    body = problem_body(response.status_code, _detail(error), errors=_errors(error)) | getattr(error, "members", {})
    response.data, response.content_type = body, MEDIA_TYPE
    for name, value in getattr(error, "headers", {}).items():
        response[name] = value
    return response


def problem(status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> Response:
    """A response of DRF's that says what is wrong; `detail` is one sentence for people."""
    return Response(problem_body(status, detail), status=status, headers=headers, content_type=MEDIA_TYPE)


def problem_body(status: int, detail: str, *, errors: Mapping[str, list[str]] | None = None) -> dict[str, object]:
    """The members of a problem; `errors` are messages by the field, header or parameter at fault."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return body | ({"errors": errors} if errors else {})


def _detail(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "Some fields are not valid; `errors` names each."
    return str(getattr(error, "detail", "") or error.__class__.__name__)


def _errors(error: Exception) -> dict[str, list[str]]:
    """Messages by dotted path. An error that is no ValidationError may name its fields in `errors`."""
    if isinstance(error, ValidationError):
        return _flatten(error.detail, "")
    if isinstance(error, UnsupportedMediaType):
        return {"Content-Type": [str(error.detail)]}
    return getattr(error, "errors", {})


def _flatten(detail: object, path: str) -> dict[str, list[str]]:
    """{"traits": {"humor_level": ["…"]}} becomes {"traits.humor_level": ["…"]}; list items get their index."""
    if isinstance(detail, dict):
        pairs = [(_join(path, str(key)), value) for key, value in detail.items()]
    elif isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        pairs = [(_join(path, str(index)), value) for index, value in enumerate(detail) if value]
    else:
        messages = detail if isinstance(detail, list) else [detail]
        return {path or "body": [str(message) for message in messages]}
    return {name: messages for key, value in pairs for name, messages in _flatten(value, key).items()}


def _join(path: str, key: str) -> str:
    if key == "non_field_errors":
        return path or "body"
    return f"{path}.{key}" if path else key
