"""Which requests are the plain case: those of which it is certain what Django would do with them."""

from typing import NamedTuple

from asgiref.typing import HTTPScope

from companion.reader.heads import Header, View, of_middleware
from personalities.api.views import PersonalityDetailView, PersonalityIdView

VIEWS: dict[str, View] = {"": PersonalityDetailView, "id/": PersonalityIdView}  # by what follows the name in the path
METHODS = {"GET", "HEAD"}
ACCEPTED = {b"*/*", b"application/json", b"application/json, text/plain, */*"}  # as programs say it
# Each may change the answer: a session, a condition, a body that is refused.
TELLING = frozenset({b"cookie", b"if-match", b"if-modified-since", b"if-unmodified-since", b"content-length",
                     b"transfer-encoding"})  # fmt: skip


class PlainRead(NamedTuple):
    view: View
    name: str  # as given
    key: str  # the API key, as given
    known: bytes | None  # the ETag of what the caller has
    greeting: tuple[Header, ...]


def plain(scope: HTTPScope, prefix: str) -> PlainRead | None:
    """The read that is asked for below the path `prefix`; None when it is another request, or not a plain one."""
    path = scope["path"]
    if not path.startswith(prefix) or scope["method"] not in METHODS or scope["query_string"] or scope["root_path"]:
        return None
    name, slash, rest = path[len(prefix) :].partition("/")
    view = VIEWS.get(rest) if slash else None
    given = [*scope["headers"]]
    headers = dict(given)
    if view is None or len(headers) < len(given) or not TELLING.isdisjoint(headers):  # some header twice
        return None
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    greeting = of_middleware(scope["scheme"], headers.get(b"host"), headers.get(b"x-forwarded-proto"))
    if scheme != b"Bearer" or greeting is None or headers.get(b"accept", b"*/*") not in ACCEPTED:
        return None
    return PlainRead(view, name, key.decode("latin-1"), headers.get(b"if-none-match"), greeting)
