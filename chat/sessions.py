"""Whose session the playground's script asks with."""

from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request


class Session(SessionAuthentication):
    """Somebody who is not signed in gets 401, where DRF's answers 403."""

    def authenticate_header(self, request: Request) -> str:
        """The scheme that DRF's 401 names."""
        return "Session"
