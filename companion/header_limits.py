"""Refuses addresses and headers that are too long, before anybody parses them: the time that a parser takes may grow
with the square of their length, and some run in the event loop.
"""

import re
from http import HTTPStatus

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope

from companion.refusals import Refusal, refuse
from rest.asgi import FRAMING, HttpMiddleware, combined

# In bytes, except MAX_HEADERS.
MAX_ADDRESS = 8 * 1024  # of path and query together
MAX_HEADERS, MAX_ALL_HEADERS = 100, 32 * 1024  # in number, and names and values together
MAX_NAME, MAX_VALUE = 256, 8 * 1024  # a value is all values of that name together, as Django reads them
MAX_LIST = 1024  # of a header that lists alternatives or hops
MAX_VALUE_BY_NAME = {
    b"host": 255,
    b"content-type": 255,
    b"content-length": 255,
    **dict.fromkeys((b"accept", b"accept-charset", b"accept-encoding", b"accept-language", b"range"), MAX_LIST),
    **dict.fromkeys((b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"), MAX_LIST),
}
# Python remembers every charset that it is ever asked for, known or not, so it is asked for these alone.
CHARSETS = {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "windows-1252"}
CHARSET = re.compile(r"""charset\s*=[\s"]*([^\s";,]*)""", re.IGNORECASE)
EXTENDED_PARAMETER = re.compile(r"\*\d*+\s*+=")  # name*=charset''value or name*0*=, by RFC 2231
MAX_ESCAPES = 256  # backslashes in cookies: Python before 3.11.10 searches all that follows each of them
UNCLEAR_END = Refusal(
    HTTPStatus.BAD_REQUEST, "body", "Send either Content-Length or Transfer-Encoding: chunked, and no other coding."
)
TOO_MANY = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "headers",
    f"At most {MAX_HEADERS} headers of {MAX_ALL_HEADERS} bytes in all are read.",
)


class HeaderLimits(HttpMiddleware):
    """Wraps an ASGI application, which gets only requests within bounds."""

    async def handle(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Hand the request on, or refuse it with the name of the header at fault."""
        if refusal := _refusal(scope):
            await refuse(scope, send, refusal)
        else:
            await self.application(scope, receive, send)


def _refusal(scope: HTTPScope) -> Refusal | None:
    if len(scope["path"]) + len(scope.get("query_string", b"")) > MAX_ADDRESS:
        return Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, "path", f"An address has at most {MAX_ADDRESS} bytes.")
    pairs = [*scope["headers"]]
    if len(pairs) > MAX_HEADERS:
        return TOO_MANY
    headers = combined(pairs)
    if headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked" or headers.keys() >= FRAMING:
        return UNCLEAR_END
    for name, value in headers.items():
        if len(value) > MAX_VALUE_BY_NAME.get(name, MAX_VALUE) or len(name) > MAX_NAME:
            return _too_long(name)
        if name in PARSED and (refusal := PARSED[name](value.decode("latin-1"))):
            return refusal
    return TOO_MANY if sum(len(name) + len(value) for name, value in pairs) > MAX_ALL_HEADERS else None


def _too_long(name: bytes) -> Refusal:
    field = name[:MAX_NAME].decode("latin-1").title()
    detail = f"{field}: at most {MAX_VALUE_BY_NAME.get(name, MAX_VALUE)} bytes are read."
    if len(name) > MAX_NAME:
        detail = f"The name of a header has at most {MAX_NAME} bytes."
    return Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, field, detail)


def _refused_accept(value: str) -> Refusal | None:
    if EXTENDED_PARAMETER.search(value):
        return Refusal(HTTPStatus.BAD_REQUEST, "Accept", "Accept: encoded parameters are not read.")
    return None


def _refused_content_type(value: str) -> Refusal | None:
    if EXTENDED_PARAMETER.search(value) or not {found.lower() for found in CHARSET.findall(value)} <= CHARSETS:
        return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type", "Content-Type: the charset is unknown.")
    return None


def _refused_cookie(value: str) -> Refusal | None:
    if value.count("\\") > MAX_ESCAPES:
        return Refusal(HTTPStatus.BAD_REQUEST, "Cookie", f"Cookie: at most {MAX_ESCAPES} backslashes are read.")
    return None


PARSED = {b"accept": _refused_accept, b"content-type": _refused_content_type, b"cookie": _refused_cookie}
