"""What an orchestrator asks. Both are open, name no hosts and cost little."""

from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from personalities.cache import inventory


@never_cache
def livez(request: HttpRequest) -> JsonResponse:
    """200 while this process answers. Touches nothing, so that a slow database never gets the process killed."""
    return JsonResponse({"status": "alive"})


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when PostgreSQL answers, else 503. Redis is reported but not required: lookups do without it."""
    now = status()
    return JsonResponse(now, status=200 if now["status"] == "ready" else 503)


def status() -> dict[str, str]:
    postgresql = _postgresql()
    word = "ready" if postgresql == "ok" else "not ready"
    return {"status": word, "postgresql": postgresql, "redis": inventory.state()}


def _postgresql() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return "unreachable"
    return "ok"
