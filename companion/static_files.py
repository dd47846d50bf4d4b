"""Addresses of static files below the root under which a proxy serves the service."""

from django.contrib.staticfiles.storage import StaticFilesStorage
from django.urls import get_script_prefix


class BelowRoot(StaticFilesStorage):
    """Django's storage. The root is that of the request being answered, where Django uses that at its start."""

    def url(self, name: str | None) -> str:
        """The address of a file by its name."""
        return get_script_prefix().removesuffix("/") + super().url(name)
