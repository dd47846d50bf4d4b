from typing import TYPE_CHECKING, Any

from django.db import models

from accounts import keys, verification

if TYPE_CHECKING:
    from accounts.models import ApiKey


class ApiKeyManager(models.Manager["ApiKey"]):
    def issue(self, user: Any, name: str = "") -> tuple["ApiKey", str]:
        """Make a key for `user`. The text is returned this once and cannot be had again."""
        text = keys.generate()
        key = self.create(user=user, name=name, prefix=keys.prefix(text) or "", digest=keys.digest(text.encode()).hex())
        return key, text

    def verify(self, text: str) -> Any:
        """The user of an unrevoked key, if they are active; else None. Asks no database about a key it knows."""
        prefix = keys.prefix(text)
        key = verification.keys.get(prefix).value if prefix else None
        return verification.user(key.user_id) if key is not None and key.fits(text.encode()) else None
