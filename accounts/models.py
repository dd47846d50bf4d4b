from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

from accounts.managers import ApiKeyManager
from accounts.verification import USER_COLUMNS
from coherence.triggers import note_changes


class ApiKey(models.Model):
    """A credential of a program that acts as `user`. A revoked key stays: its prefix still tells whose it was."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100, blank=True, help_text="What the key is for.")
    prefix = models.CharField(max_length=8, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiKeyManager()

    class Meta:
        verbose_name = "API key"
        ordering = ("-created_at",)
        triggers = note_changes("'api_key:' || {row}.prefix")

    def __str__(self) -> str:
        return f"cpk_{self.prefix}_…"

    def revoke(self) -> None:
        """Refuse this key from now on. The first revocation's time stays."""
        self.revoked_at = self.revoked_at or timezone.now()
        self.save(update_fields=["revoked_at"])


class WatchedUser(User):
    """Django's user. It stands here because its changes are noted, of what `copies` keeps: a login changes nothing."""

    class Meta:
        proxy = True
        triggers = note_changes("'user:' || {row}.id", *USER_COLUMNS)
