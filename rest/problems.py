"""Errors as problem details (RFC 9457, application/problem+json), with a list of messages for each field at fault.

An exception may carry more than DRF's status and detail: `errors` by field, `headers`, and further `members` of the
body. However much is wrong with a request, its problem is short: it repeats no more of what was sent than helps.
"""

import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from itertools import islice

from rest_framework.exceptions import APIException, UnsupportedMediaType, ValidationError
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import exception_handler

from resilience.database import outage
from rest.parsers import shortened

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = "1"  # seconds
MAX_ERRORS = 20  # fields that a problem names
MAX_MESSAGE = 500  # characters of what it says of each: some list what may be chosen


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


def to_problem(error: Exception, context: dict[str, object]) -> Response | None:
    """DRF's exception handler. None, and so a 500, for what is neither foreseen nor an outage of the database."""
    if detail := outage(error):
        logger.error("%s %s", detail, error)
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": RETRY_AFTER})
    response = exception_handler(error, context)
    if response is None:
        return None
    errors = _errors(error)
    body = problem_body(response.status_code, _detail(error, errors), errors=errors)
    response.data, response.content_type = body | getattr(error, "members", {}), MEDIA_TYPE
    for name, value in getattr(error, "headers", {}).items():
        response[name] = value
    return response


def problem(status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> Response:
    """A response of DRF's that says what is wrong; `detail` is one sentence for people."""
    return Response(problem_body(status, detail), status=status, headers=headers, content_type=MEDIA_TYPE)


def problem_body(status: int, detail: str, *, errors: Mapping[str, list[str]] | None = None) -> dict[str, object]:
    """The members of a problem; `errors` are messages by the field, header or parameter at fault.

    The first MAX_ERRORS of them are shown, and all texts are `shortened`.
    """
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": shortened(detail)}
    first = islice((errors or {}).items(), MAX_ERRORS)
    shown = {shortened(name): [shortened(text, MAX_MESSAGE) for text in messages] for name, messages in first}
    return body | ({"errors": shown} if shown else {})


def _detail(error: Exception, errors: Mapping[str, list[str]]) -> str:
    if isinstance(error, ValidationError):
        named = "each" if len(errors) <= MAX_ERRORS else f"{MAX_ERRORS} of them"
        return f"Some fields are not valid; `errors` names {named}."
    return str(getattr(error, "detail", "") or error.__class__.__name__)


def _errors(error: Exception) -> dict[str, list[str]]:
    """Messages by dotted path, with one more than is shown if there are more.

    An error other than ValidationError may name its fields in `errors`.
    """
    if isinstance(error, ValidationError):
        return dict(islice(_flatten(error.detail, ""), MAX_ERRORS + 1))
    if isinstance(error, UnsupportedMediaType):
        return {"Content-Type": [str(error.detail)]}
    return getattr(error, "errors", {})


def _flatten(detail: object, path: str) -> Iterator[tuple[str, list[str]]]:
    """{"traits": {"humor_level": ["…"]}} becomes {"traits.humor_level": ["…"]}; list items get their index."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            yield from _flatten(value, _join(path, str(key)))
    elif isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        for index, value in enumerate(detail):
            if value:
                yield from _flatten(value, _join(path, str(index)))
    else:
        messages = detail if isinstance(detail, list) else [detail]
        yield path or "body", [str(message) for message in messages]


def _join(path: str, key: str) -> str:
    if key == api_settings.NON_FIELD_ERRORS_KEY:
        return path or "body"
    return f"{path}.{key}" if path else key
