from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import ApiKey


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer cpk_…`. Another scheme, or none, is left to the next authentication class."""

    def authenticate(self, request: Request) -> "tuple[object, None] | None":
        scheme, _, text = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        user = ApiKey.objects.verify(text.strip())
        if user is None:
            raise AuthenticationFailed("This API key is not known or was revoked.")
        return user, None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="companion"'
