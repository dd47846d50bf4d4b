"""Limits on sign-ins: hashing a password takes a fifth of a second of processor time, and anybody may ask for it.

Beyond the limits the answer is 429 with Retry-After. Those who are admitted wait without a database connection.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from math import ceil
from threading import BoundedSemaphore, Lock

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin

from rate_limits.gcra import Limit, Rate
from rate_limits.local import LocalLimiter
from rest.client_address import address_block, client_address

logger = logging.getLogger(__name__)

AT_A_TIME = 16  # sign-ins in a process: the password of one is hashed, the others wait
AT_A_TIME_BY_ADDRESS = 4
WAIT_SECONDS = 3.0
LOGGED = Rate(1, 60)  # refusals of one address: at most one a minute is logged

_address: ContextVar[str] = ContextVar("address", default="")  # of the request that is answered in this thread
_limiter = LocalLimiter()  # by process, so that it works without Redis, and does not crowd out others' limits


class TooManySignIns(Exception):
    """The request is to be answered with 429."""

    def __init__(self, retry_after: float) -> None:
        """`retry_after` is how many seconds the caller should wait; at least 1 is told."""
        super().__init__(retry_after)
        self.retry_after = max(ceil(retry_after), 1)


class _SignInSlots:
    """AT_A_TIME slots, of which one address may hold AT_A_TIME_BY_ADDRESS. One holder at a time hashes."""

    def __init__(self) -> None:
        self._lock, self._hashing = Lock(), BoundedSemaphore()
        self._taken: Counter[str] = Counter()

    @contextmanager
    def hold(self, address: str) -> Iterator[None]:
        self._take(address)
        try:
            if not self._hashing.acquire(timeout=WAIT_SECONDS):
                raise TooManySignIns(WAIT_SECONDS)
            try:
                yield
            finally:
                self._hashing.release()
        finally:
            self._leave(address)

    def _take(self, address: str) -> None:
        with self._lock:
            if self._taken.total() >= AT_A_TIME or (address and self._taken[address] >= AT_A_TIME_BY_ADDRESS):
                raise TooManySignIns(1)
            self._taken[address] += 1

    def _leave(self, address: str) -> None:
        with self._lock:
            self._taken -= Counter([address])


_slots = _SignInSlots()


class PasswordHasher(PBKDF2PasswordHasher):
    """Makes the same hashes as Django's, one at a time in a process."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        """The hash. First returns this thread's database connection to the pool. Raises TooManySignIns."""
        if not connection.in_atomic_block:
            connection.close()
        with _slots.hold(_address.get()):
            return super().encode(password, salt, iterations)


class AddressLimit:
    """The first of AUTHENTICATION_BACKENDS. It authenticates nobody, but limits the attempts from each address."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: object
    ) -> None:
        """Authenticate nobody. Raises TooManySignIns after SIGN_IN_RATE attempts from one address, under any names."""
        if request is None:
            return
        address = address_block(client_address(request))
        _address.set(address)
        limit = Limit(f"sign_in:address:{address}", settings.SIGN_IN_RATE)
        verdict = _limiter.admit([limit], workers=1, shared=False, report=False)
        if not verdict.allowed:
            raise TooManySignIns(verdict.retry_after)


class SignInLimitMiddleware(MiddlewareMixin):
    """Answers with 429 on whatever page TooManySignIns was raised."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """429 with Retry-After; None for any other exception."""
        if not isinstance(exception, TooManySignIns):
            return None
        _log(client_address(request))
        seconds = exception.retry_after
        page = render(request, "accounts/too_many.html", {"seconds": seconds}, status=HTTPStatus.TOO_MANY_REQUESTS)
        page["Retry-After"], page["Cache-Control"] = str(seconds), "no-store"
        return page


def _log(address: object) -> None:
    limit = Limit(f"log:{address}", LOGGED)
    if _limiter.admit([limit], workers=1, shared=False, report=False).allowed:
        logger.warning("Too many sign-ins at a time or from one address: %s was refused.", address)
