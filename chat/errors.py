"""Errors in the shape OpenAI's clients expect: `{"error": {"message", "type", "param", "code"}}`."""

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from http import HTTPStatus
from types import TracebackType

logger = logging.getLogger(__name__)


class ApiError(Exception):
    """The response to a request that failed. `str(error)` is the message."""

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        *,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.type, self.param, self.code = status, type, param, code
        self.headers = dict(headers or {})

    def without_frames(self) -> "ApiError":
        """This error, detached from its traceback and cause.

        The frames refer to the error as it refers to them, and to all that was received: a reference cycle that would
        stay in memory until the garbage collector runs.
        """
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)

    def body(self) -> dict[str, dict[str, str | None]]:
        """The JSON body, not yet encoded."""
        return {"error": {"message": str(self), "type": self.type, "param": self.param, "code": self.code}}


def bad_request(message: str, param: str | None, code: str | None = None) -> ApiError:
    """400: the caller sent something that cannot be processed."""
    return ApiError(HTTPStatus.BAD_REQUEST, message, param=param, code=code)


def invalid_key() -> ApiError:
    """401: no API key, or none that is valid."""
    message = "Send a valid Companion API key, as in: Authorization: Bearer cpk_…"
    headers = {"WWW-Authenticate": 'Bearer realm="companion"'}
    return ApiError(HTTPStatus.UNAUTHORIZED, message, code="invalid_api_key", headers=headers)


def signed_out() -> ApiError:
    """401: no session, or none that is valid."""
    return ApiError(HTTPStatus.UNAUTHORIZED, "You are signed out. Sign in, then try again.", code="signed_out")


def csrf_failed(reason: str) -> ApiError:
    """403: the request may be forged; or the user has signed in again since the page was loaded."""
    return ApiError(HTTPStatus.FORBIDDEN, f"{reason} Reload the page.", param="x-csrftoken", code="csrf_failed")


def no_such_model(name: str) -> ApiError:
    """404: the caller cannot talk to a personality of this name."""
    message = f"The model {name!r:.120} does not exist: no active personality, your own or global, has this name."
    return ApiError(HTTPStatus.NOT_FOUND, message, param="model", code="model_not_found")


def rate_limited() -> ApiError:
    """429: the caller has used up CHAT_RATE or CHAT_KEY_RATE."""
    return ApiError(
        HTTPStatus.TOO_MANY_REQUESTS, "Too many requests: try again later.", type="requests", code="rate_limit_exceeded"
    )


def too_many_at_once(message: str, headers: Mapping[str, str]) -> ApiError:
    """429: others of the caller's requests have to end first."""
    return ApiError(HTTPStatus.TOO_MANY_REQUESTS, message, type="requests", code="rate_limit_exceeded", headers=headers)


def api_error(
    status: HTTPStatus, message: str, code: str | None = None, headers: Mapping[str, str] | None = None
) -> ApiError:
    """5xx: the fault of this service, its database or the language model; never the caller's."""
    return ApiError(status, message, type="api_error", code=code, headers=headers)


def broken_answer(reason: str) -> ApiError:
    """502: the language model's answer is not one in OpenAI's protocol, or breaks off. Logs the reason."""
    logger.warning("The language model's answer is broken: %.500s", reason)
    return api_error(HTTPStatus.BAD_GATEWAY, "The language model's answer was broken.", "upstream_broken")


def empty_answer(why: str = "") -> ApiError:
    """502: the language model answered without saying or calling anything. `why` is its finish reason."""
    reason = f" ({why:.40})" if why else ""
    logger.warning("The language model's answer is empty%s.", reason)
    return api_error(HTTPStatus.BAD_GATEWAY, f"The language model's answer was empty{reason}.", "upstream_empty")


def log_internal_errors(*expected: type[Exception]) -> AbstractContextManager[None]:
    """A context that logs any exception other than ApiError and `expected`, and raises ApiError (500) in its place."""
    return _InternalErrors((ApiError, *expected))


class _InternalErrors(AbstractContextManager[None]):
    def __init__(self, expected: tuple[type[Exception], ...]) -> None:
        self._expected = expected

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, Exception) and not isinstance(error, self._expected):
            logger.error("Unexpected error in chat.", exc_info=error)
            message = "Something broke here; it was logged."
            raise api_error(HTTPStatus.INTERNAL_SERVER_ERROR, message, "internal_error") from None
