"""Sessions in the database, as Django's; it is not asked about what cannot be the key of one."""

from django.contrib.sessions.backends import db


class SessionStore(db.SessionStore):
    def _validate_session_key(self, key: str | None) -> bool:
        """A cookie may say NUL, written as \\000, which PostgreSQL refuses with an error."""
        return bool(super()._validate_session_key(key)) and str(key).isascii() and str(key).isalnum()  # type: ignore[misc]
