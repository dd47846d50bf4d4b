"""API keys, and Django's user watched for changes."""

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

from accounts import keys, verification
from coherence.triggers import note_changes
from rest.times import readable

MAX_NAME = 100  # characters of the name of an API key


class ApiKeyManager(models.Manager["ApiKey"]):
    """`ApiKey.objects`."""

    def issue(self, user: User, name: str = "") -> tuple["ApiKey", str]:
        """Make a key for `user`; returns it and its text, which cannot be had again."""
        text = keys.generate()
        key = self.create(user=user, name=name, prefix=keys.prefix(text) or "", digest=keys.digest(text.encode()).hex())
        return key, text

    def verify(self, text: str) -> User | None:
        """The active user whose unrevoked key `text` is, else None. Known keys cost no query."""
        prefix = keys.prefix(text)
        key = verification.keys.get(prefix).value if prefix else None
        return verification.user(key.user_id) if key is not None and key.fits(text.encode()) else None


class ApiKey(models.Model):
    """A credential of a program that acts as `user`. A revoked key stays: its prefix still tells whose it was."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=MAX_NAME, blank=True, help_text="What the key is for.")
    prefix = models.CharField(max_length=8, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiKeyManager()

    class Meta:
        verbose_name = "API key"
        ordering = ("-created_at",)
        triggers = note_changes("'api_key:' || {row}.prefix")
        constraints = [readable("api_key_times_readable", "created_at", "revoked_at")]

    def __str__(self) -> str:
        return f"cpk_{self.prefix}_…"

    def revoke(self) -> None:
        """Refuse this key from now on. The time of the first revocation stays."""
        self.revoked_at = self.revoked_at or timezone.now()
        self.save(update_fields=["revoked_at"])


class WatchedUser(User):
    """Django's user, with triggers that note changes of the cached columns. A login changes none of them."""

    class Meta:
        proxy = True
        triggers = note_changes("'user:' || {row}.id", *verification.USER_COLUMNS)
