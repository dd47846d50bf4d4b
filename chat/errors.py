"""Errors as OpenAI's clients know them: `{"error": {"message", "type", "param", "code"}}`."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

INVALID = "invalid_request_error"


class ApiError(Exception):
    """What the caller is told. `str(error)` is the message."""

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        *,
        type: str = INVALID,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.type, self.param, self.code = status, type, param, code
        self.headers = dict(headers or {})

    def without_frames(self) -> "ApiError":
        """Itself, and no longer where it comes from. Those frames hold it as it holds them, and what was received: that
        would lie in memory until Python looks for such circles, which is seldom.
        """
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)

    def body(self) -> dict[str, Any]:
        return {"error": {"message": str(self), "type": self.type, "param": self.param, "code": self.code}}


def bad_request(message: str, param: str | None, code: str | None = None) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, message, param=param, code=code)


def invalid_key() -> ApiError:
    message = "Send a valid key of Companion's: Authorization: Bearer cpk_…"
    headers = {"WWW-Authenticate": 'Bearer realm="companion"'}
    return ApiError(HTTPStatus.UNAUTHORIZED, message, code="invalid_api_key", headers=headers)


def not_signed_in() -> ApiError:
    return ApiError(HTTPStatus.UNAUTHORIZED, "You are signed out. Sign in, then try again.", code="signed_out")


def not_from_our_page(reason: str) -> ApiError:
    """Also what a page is told that was open while somebody signed in anew."""
    return ApiError(HTTPStatus.FORBIDDEN, f"{reason} Load the page anew.", param="x-csrftoken", code="csrf_failed")


def no_such_model(name: str) -> ApiError:
    message = f"The model {name!r:.120} does not exist: no active personality of yours, nor a global one, is named so."
    return ApiError(HTTPStatus.NOT_FOUND, message, param="model", code="model_not_found")


def too_many() -> ApiError:
    return ApiError(
        HTTPStatus.TOO_MANY_REQUESTS, "Too many requests: try again later.", type="requests", code="rate_limit_exceeded"
    )


def upstream(
    status: HTTPStatus, message: str, code: str | None = None, headers: Mapping[str, str] | None = None
) -> ApiError:
    """The language model's fault, or its absence: never the caller's."""
    return ApiError(status, message, type="api_error", code=code, headers=headers)
