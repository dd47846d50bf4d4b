"""Users, groups and API keys in the admin."""

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as StockGroupAdmin
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.models import ApiKey
from rest.admin import ListAdmin

admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(StockUserAdmin, ListAdmin):  # type: ignore[misc, type-arg]
    """Users, as Django's admin has them, with the forms of our theme."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(StockGroupAdmin, ListAdmin):  # type: ignore[misc]
    """Groups, as Django's admin has them, in our theme."""


@admin.register(ApiKey)
class ApiKeyAdmin(ListAdmin):
    """Lists and revokes keys. `create_api_key` makes them: a web page is no place to show a secret."""

    list_display = ("__str__", "user", "name", "created_at", "revoked_at")
    list_select_related = ("user",)
    search_fields = ("prefix", "name", "user__username")
    readonly_fields = ("prefix", "user", "created_at", "revoked_at")
    fields = ("prefix", "user", "name", "created_at", "revoked_at")
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody may: `create_api_key` makes keys, for a web page is no place to show a secret."""
        return False

    @admin.action(description="Revoke the selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        """Revoke the selected keys."""
        for key in keys:
            key.revoke()
        messages.success(request, f"{len(keys)} keys revoked.")
