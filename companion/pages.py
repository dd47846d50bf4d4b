"""Pages of no app: the home page, and errors, which are JSON for programs and one line of text for people."""

import re
import sys
from http import HTTPStatus

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import is_valid_path

from companion.monitoring import status
from companion.optional_apps import is_installed
from resilience.database import outage
from rest.problems import MEDIA_TYPE, RETRY_AFTER, problem_body

Errors = dict[str, list[str]]


def home(request: HttpRequest) -> HttpResponse:
    """Where to go from here, and how the service is doing."""
    return render(request, "home.html", {"status": status(), "has_chat": is_installed("chat")})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400: a page or a problem for a request that cannot be understood, or names a host that is not served."""
    if isinstance(exception, DisallowedHost):
        detail = "This host name is not served here."
        return _error(request, HTTPStatus.BAD_REQUEST, detail, errors={"Host": [detail]})
    return _error(request, HTTPStatus.BAD_REQUEST, "The request could not be understood.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403: a page or a problem that says that something is not allowed."""
    return _error(request, HTTPStatus.FORBIDDEN, "This is not allowed.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404: a page or a problem that says that there is nothing at this address, and which may be meant."""
    path = re.sub("/+", "/", request.path)
    meant = next((each for each in (path, f"{path.rstrip('/')}/") if each != request.path and is_valid_path(each)), "")
    instead = f" Ask {meant:.200}" if meant else ""
    return _error(request, HTTPStatus.NOT_FOUND, f"There is nothing at this address.{instead}")


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: 503 with Retry-After when the database is at fault. Django calls it while it handles the error."""
    if detail := outage(sys.exception()):
        response = _error(request, HTTPStatus.SERVICE_UNAVAILABLE, f"{detail} Try again in a moment.")
        response["Retry-After"] = RETRY_AFTER
        return response
    return _error(request, HTTPStatus.INTERNAL_SERVER_ERROR, "Something broke here; it was logged.")


def unknown_charset() -> HttpResponse:
    """The 415 for a charset that nobody knows, made before there is a request."""
    return _problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, {"Content-Type": ["The charset is unknown."]})


def body_timeout() -> HttpResponse:
    """The 408 for a body that was late, made before there is a request."""
    return _problem(HTTPStatus.REQUEST_TIMEOUT, {"body": ["The body did not arrive in time."]})


def _problem(code: HTTPStatus, errors: Errors) -> HttpResponse:
    ((detail,),) = errors.values()
    body, headers = problem_body(code, detail, errors=errors), {"Cache-Control": "no-store"}
    return JsonResponse(body, status=code, content_type=MEDIA_TYPE, headers=headers)


def _error(request: HttpRequest, code: HTTPStatus, detail: str, *, errors: Errors | None = None) -> HttpResponse:
    if request.path_info.lstrip("/").startswith("api/"):
        return JsonResponse(problem_body(code, detail, errors=errors), status=code, content_type=MEDIA_TYPE)
    return HttpResponse(f"{code} {code.phrase}. {detail}", status=code, content_type="text/plain; charset=utf-8")
