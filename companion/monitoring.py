"""What orchestrators and Prometheus poll: /livez, /readyz and /metrics.

They wait for no thread that strangers may keep busy: else an orchestrator would restart a process because many ask for
its pages. The views say what is answered; `Probes` decides where: in the event loop if nobody has to be asked, else in
threads of its own.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypedDict

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import Error, close_old_connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.log import log_response
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.verification import is_known
from coherence.feed import feed
from coherence.listener import listener
from companion.database_schema import schema
from companion.instance_metrics import Instance
from companion.shutdown import shutdown
from personalities.cache import configs_in_redis
from resilience.database import answer_within

PROBE_SECONDS = 2  # how long /readyz waits for PostgreSQL
CHECKED = "companion.checked"  # where a request's scope has what was found out for it
THREADS = 3  # one that checks, and two for scrapes
READS = {"GET", "HEAD"}


class Status(TypedDict):
    """The body of /readyz."""

    status: str  # ready, degraded, not ready or stopping
    postgresql: str  # ok, unreachable, not migrated, or incomplete: the log says what is missing
    redis: str  # ok, off, unreachable, or unusable: it answers, but copies cannot be written and read back
    changes: str  # followed, or not followed: then copies are served unverified


class Checked(NamedTuple):
    """What was found out about the servers that this process needs, in the words of `Status`."""

    postgresql: str
    redis: str


@never_cache
def livez(request: HttpRequest) -> JsonResponse:
    """200 while this process answers. Touches nothing, so that a slow database never gets the process killed."""
    return JsonResponse({"status": "alive"})


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 while lookups are answered, else 503; open to everybody, so it says a few words, and names no hosts.

    "degraded" is 200 too: without PostgreSQL copies are still served, and no load balancer should take that away. Redis
    is reported but not required.
    """
    now = status(getattr(request, "scope", {}).get(CHECKED))
    response = JsonResponse(now, status=200 if now["status"] in {"ready", "degraded"} else 503)
    if now["status"] == "stopping":  # else Django would log an error at every probe
        log_response("Stopping: %s", request.path, response=response, request=request, level="info")
    return response


def check() -> Checked:
    """Ask PostgreSQL and Redis, each for at most a few seconds."""
    postgresql = _postgresql()
    listener.ensure()
    return Checked(postgresql, configs_in_redis.state())


def status(checked: Checked | None = None) -> Status:
    """How this process is doing. Asks nobody if the servers were `checked`."""
    postgresql, redis = checked or check()
    word = "ready" if postgresql == "ok" and _was_in_touch() else "not ready"
    if postgresql == "unreachable" and _serves_copies():
        word = "degraded"
    if shutdown.begun:
        word = "stopping"
    changes = "followed" if feed.in_touch else "not followed"
    return {"status": word, "postgresql": postgresql, "redis": redis, "changes": changes}


class AnyAccept(DefaultContentNegotiation):
    """Takes whatever a scraper accepts: the text format is what all of them read. Errors are JSON all the same."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The view's first renderer, whatever the Accept header says."""
        return renderers[0], renderers[0].media_type


class MetricsView(APIView):
    """Metrics of all workers, for any valid key: a user of its own without rights is enough."""

    content_negotiation_class = AnyAccept

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """All metrics in Prometheus's text format."""
        # Imported here: prometheus-client makes every start 50 ms slower, and most processes are never scraped.
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        metrics = generate_latest(Instance())
        return HttpResponse(metrics, content_type=CONTENT_TYPE_LATEST)


class Probes:
    """Answers probes. All who ask /readyz during a check share it, so one thread is enough for all."""

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="probe")
        self._checking: asyncio.Future[Checked] | None = None

    async def prepare(self, request: ASGIRequest) -> bool:
        """Find out what a probe asks for; return whether it can now be answered in the event loop."""
        if request.method not in READS:
            return False
        if request.path_info == "/readyz":
            request.scope[CHECKED] = await self._check()  # type: ignore[index]  # it is a dict
        return request.path_info in {"/livez", "/readyz"}

    async def _check(self) -> Checked:
        if self._checking is None or self._checking.done():
            self._checking = asyncio.get_running_loop().run_in_executor(self.threads, _check_and_close)
        return await asyncio.shield(self._checking)


def is_scrape(request: ASGIRequest) -> bool:
    """Whether it asks for metrics, with a key that was let in before: others wait like all strangers."""
    return request.path_info == "/metrics" and is_known(request.headers.get("Authorization", ""))


def _check_and_close() -> Checked:
    try:
        return check()
    finally:
        close_old_connections()


def _postgresql() -> str:
    try:
        with answer_within(PROBE_SECONDS):
            return schema.state()
    except Error:
        return "unreachable"


def _was_in_touch() -> bool:
    """Whether the change log was ever followed here. If not, a new release or role is wrong, and traffic is better left
    to the old workers. Later on, PostgreSQL answers what copies cannot.
    """
    return feed.age < float("inf")


def _serves_copies() -> bool:
    return feed.age <= settings.COPY_STALE_IF_ERROR_SECONDS
