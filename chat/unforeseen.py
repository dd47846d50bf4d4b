"""The last resort."""

import logging
from http import HTTPStatus
from types import TracebackType

from chat.errors import ApiError

logger = logging.getLogger(__name__)


class Unforeseen:
    """A context that logs any error which is neither an ApiError nor of `foreseen`, and raises it as one: 500, as
    Django answers for all other endpoints.
    """

    def __init__(self, *foreseen: type[Exception]) -> None:
        self._foreseen: tuple[type[Exception], ...] = (ApiError, *foreseen)

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, Exception) and not isinstance(error, self._foreseen):
            logger.error("Chat broke in a way that nobody foresaw.", exc_info=error)
            message = "Something broke here; it was logged."
            raise ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, message, type="api_error", code="internal_error") from None
