from typing import cast

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import ApiKey


def stay(request: Request) -> None:
    """The caller, who may be known from a copy, is there and active to the end of the transaction. Writes that go with
    them come one after the other. Raises AuthenticationFailed, so 401, when they were deleted or deactivated.
    """
    caller = cast(User, request.user)  # as IsAuthenticated has seen to
    if not User.objects.select_for_update(no_key=True).filter(pk=caller.pk, is_active=True).first():
        raise AuthenticationFailed("This user was deleted or deactivated.")


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
