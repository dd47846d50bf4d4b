"""The paths of OpenAI's API: those answered here, and what a client that mistakes one is told."""

import re
from http import HTTPStatus

from chat.errors import ApiError

COMPLETIONS, MODELS, RESPONSES = "/v1/chat/completions", "/v1/models", "/v1/responses"
MODEL, RESPONSE = f"{MODELS}/{{name}}", f"{RESPONSES}/{{id}}"
PAGE_COMPLETIONS = "/chat/completions"  # for the playground, which sends a session cookie instead of an API key
METHODS = {
    COMPLETIONS: {"POST"},
    PAGE_COMPLETIONS: {"POST"},
    RESPONSES: {"POST"},
    RESPONSE: {"GET", "HEAD", "DELETE"},
    MODELS: {"GET", "HEAD"},
    MODEL: {"GET", "HEAD"},
}

# What clients make of a wrong base URL: one without /v1, with two of them, with a trailing slash, with the prefix of
# another service, or with a whole endpoint. Quantifiers are possessive, so that no long path makes them backtrack.
MISTAKEN = re.compile(
    r"(?:/++(?:api|openai|deployments/++[^/]++|v1|v1beta|chat/++completions)(?=/++[^/]))*+"
    r"/++((?:chat/++)?completions|responses|embeddings|models)(/++[^/]++)?/*+",
    re.IGNORECASE,
)


def is_chat_path(path: str) -> bool:
    """Whether chat answers this path, if only to name the right one."""
    return path.startswith("/v1/") or path in {"/v1", PAGE_COMPLETIONS} or MISTAKEN.fullmatch(path) is not None


def endpoint(path: str) -> str:
    """The endpoint of a path, one of few, to label a metric; empty if nothing is answered."""
    if path in METHODS:
        return path
    if path.startswith(f"{RESPONSES}/") and path.count("/") == RESPONSE.count("/") and path[-1] != "/":
        return RESPONSE
    name = path.removeprefix(f"{MODELS}/")
    return MODEL if name != path and all(name.split("/")) else ""


def unknown_path(method: str, path: str) -> ApiError:
    """404, with the right path if it can be guessed."""
    found = MISTAKEN.fullmatch(path)
    right = re.sub("/+", "/", f"/v1/{found[1].lower()}{found[2] or ''}") if found else ""
    if endpoint(right):
        what = f"ask {right[:120]}. The base URL that a client is given ends in /v1, without a slash behind it."
    else:
        what = f"of OpenAI's API there are {', '.join(sorted(METHODS.keys() - {PAGE_COMPLETIONS}))}."
    return ApiError(HTTPStatus.NOT_FOUND, f"Invalid URL ({method} {path[:120]}): {what}", code="unknown_url")
