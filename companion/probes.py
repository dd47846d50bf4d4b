"""What an orchestrator asks. Both are open, name no hosts and cost little."""

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from coherence.feed import feed
from coherence.listener import listener
from personalities.cache import inventory
from resilience.database import answer_within


@never_cache
def livez(request: HttpRequest) -> JsonResponse:
    """200 while this process answers. Touches nothing, so that a slow database never gets the process killed."""
    return JsonResponse({"status": "alive"})


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 while lookups can be answered: "ready" with PostgreSQL, "degraded" while copies are served without it, so
    that nobody takes the instances away that still serve. Else 503. Redis is reported but not required.

    `changes`: whether this process follows the change log. While it does not, copies are served unverified.
    """
    now = status()
    return JsonResponse(now, status=503 if now["status"] == "not ready" else 200)


def status() -> dict[str, str]:
    postgresql = _postgresql()
    listener.ensure()
    word = "ready" if postgresql == "ok" else "degraded" if _serves_copies() else "not ready"
    changes = "followed" if feed.in_touch else "not followed"
    return {"status": word, "postgresql": postgresql, "redis": inventory.state(), "changes": changes}


def _postgresql() -> str:
    try:
        with answer_within(2), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return "unreachable"
    return "ok"


def _serves_copies() -> bool:
    return feed.age <= settings.PERSONALITY_STALE_IF_ERROR_SECONDS
