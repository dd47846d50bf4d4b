"""The pages that belong to no app: the front page, and errors as JSON for programs, as a line for people."""

import sys
from http import HTTPStatus

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from companion.probes import status
from resilience.database import outage
from rest.problems import RETRY_AFTER, problem_body


def home(request: HttpRequest) -> HttpResponse:
    return render(request, "home.html", {"status": status()})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, DisallowedHost):
        detail = "This is not the name of a host that is answered here."
        return _error(request, HTTPStatus.BAD_REQUEST, detail, errors={"Host": [detail]})
    return _error(request, HTTPStatus.BAD_REQUEST, "The request could not be understood.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, HTTPStatus.FORBIDDEN, "This is not allowed.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, HTTPStatus.NOT_FOUND, "There is nothing at this address.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Django calls it while it handles the error, whether a view or a middleware raised it."""
    if detail := outage(sys.exception()):
        answer = _error(request, HTTPStatus.SERVICE_UNAVAILABLE, f"{detail} Try again in a moment.")
        answer["Retry-After"] = RETRY_AFTER
        return answer
    return _error(request, HTTPStatus.INTERNAL_SERVER_ERROR, "Something broke here; it was logged.")


def refused_content_type() -> HttpResponse:
    detail = "The charset is not the name of one."
    return _refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type", detail)


def late_body() -> HttpResponse:
    return _refused(HTTPStatus.REQUEST_TIMEOUT, "body", "The body did not arrive in time.")


def _refused(code: HTTPStatus, field: str, detail: str) -> HttpResponse:
    """Where there is no request yet that could say in which form."""
    body = problem_body(code, detail, errors={field: [detail]})
    return JsonResponse(body, status=code, content_type="application/problem+json")


def _error(
    request: HttpRequest, code: HTTPStatus, detail: str, *, errors: dict[str, list[str]] | None = None
) -> HttpResponse:
    if request.path_info.startswith("/api/"):
        body = problem_body(code, detail, errors=errors)
        return JsonResponse(body, status=code, content_type="application/problem+json")
    return HttpResponse(f"{code} {code.phrase}. {detail}", status=code, content_type="text/plain; charset=utf-8")
