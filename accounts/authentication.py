"""API keys for DRF: `Authorization: Bearer cpk_…`, how that stands in the schema, and holding on to a caller."""

from typing import cast

from django.contrib.auth.models import User
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import ApiKey


class ApiKeyAuthentication(BaseAuthentication):
    """Authenticates `Authorization: Bearer cpk_…`. Any other scheme is left to the next authentication class."""

    def authenticate(self, request: Request) -> tuple[object, None] | None:
        """The user whose key it is. Raises AuthenticationFailed for an unknown or revoked key."""
        scheme, _, text = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        user = ApiKey.objects.verify(text.strip())
        if user is None:
            raise AuthenticationFailed("This API key is unknown or was revoked.")
        return user, None

    def authenticate_header(self, request: Request) -> str:
        """The WWW-Authenticate header of a 401."""
        return 'Bearer realm="companion"'


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The `apiKey` security scheme of the OpenAPI schema; defining the class registers it."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """The scheme in OpenAPI's words."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "cpk_…"}


def lock_caller(request: Request) -> None:
    """Keep the caller from being deleted or deactivated until the transaction ends.

    The caller may have been authenticated from a cached copy. Transactions that lock the same caller run one after the
    other. Raises AuthenticationFailed, so 401, if the user was deleted or deactivated.
    """
    caller = cast(User, request.user)  # IsAuthenticated ran before
    if not User.objects.select_for_update(no_key=True).filter(pk=caller.pk, is_active=True).first():
        raise AuthenticationFailed("This user was deleted or deactivated.")
