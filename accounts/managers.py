import hmac
from typing import TYPE_CHECKING, Any

from django.db import models

from accounts import keys

if TYPE_CHECKING:
    from accounts.models import ApiKey


class ApiKeyManager(models.Manager["ApiKey"]):
    def issue(self, user: Any, name: str = "") -> tuple["ApiKey", str]:
        """Make a key for `user`. The text is returned this once and cannot be had again."""
        text = keys.generate()
        key = self.create(user=user, name=name, prefix=keys.prefix(text) or "", digest=keys.digest(text))
        return key, text

    def verify(self, text: str) -> "ApiKey | None":
        """The key row of an unrevoked key of an active user, with its user; else None. One query."""
        prefix = keys.prefix(text)
        if prefix is None:
            return None
        valid = self.filter(prefix=prefix, revoked_at=None, user__is_active=True)
        key = valid.select_related("user").first()
        return key if key and hmac.compare_digest(key.digest, keys.digest(text)) else None
