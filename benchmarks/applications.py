"""The ASGI applications that answer over HTTP, by what they are called in tables."""

HELLO, DRESSED = "bare ASGI hello", "hello with the answer's headers"
OURS, VIEW = "Companion", "Companion, DRF view"
EMPTY, FASTAPI = "an empty Django view", "FastAPI, the original's style"
ROWS = "DRF serializer from PostgreSQL, no middleware, Django's handler"
THREADED = "DRF serializer from PostgreSQL, no middleware, Companion's handler"
APPLICATIONS = {
    HELLO: "benchmarks.sites.hello:application",
    DRESSED: "benchmarks.sites.hello:dressed",
    OURS: "companion.asgi:application",
    VIEW: "companion.asgi:django_application",
    EMPTY: "benchmarks.sites.empty_view:application",
    FASTAPI: "benchmarks.sites.fastapi_original:application",
    ROWS: "benchmarks.sites.drf_rows:application",
    THREADED: "benchmarks.sites.drf_rows:threaded",
}
