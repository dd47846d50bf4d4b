"""If-Match: a write counts only when nobody else has written since its author looked."""

from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from personalities.api import representation
from personalities.api.errors import PreconditionFailed, PreconditionRequired
from personalities.models import Personality

IF_MATCH = OpenApiParameter("If-Match", location="header", description="The ETag of what you have read; else 412.")
IF_MATCH_ALWAYS = OpenApiParameter("If-Match", location="header", required=True, description=IF_MATCH.description)


def check(request: Request, row: Personality, *, required: bool = False) -> None:
    """Raises PreconditionFailed unless If-Match is absent, `*`, or has the row's ETag. The row must be locked."""
    config = row.to_config()
    etag = representation.of_config(config).etag
    if not holds(request, etag, required=required):
        raise PreconditionFailed(f"version {config.meta.version} is current", config.to_dict(), etag)


def holds(request: Request, etag: str, *, required: bool = False) -> bool:
    """Whether If-Match is absent, `*`, or has `etag`. Raises PreconditionRequired where it must not be absent."""
    given = request.headers.get("If-Match")
    if given is None and required:
        raise PreconditionRequired
    return given is None or not {etag, "*"}.isdisjoint(parse_etags(given))  # a weak one, W/"…", never matches
