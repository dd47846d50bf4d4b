"""The admin of personalities: the list, the form, a preview beside it of what programs will see; and their cache."""

from typing import Any, cast

from django.contrib import admin

from personalities.admin import cache_page
from personalities.admin.personality import PersonalityAdmin

cast(Any, admin.site).extra_urls = cache_page.urls  # unfold's way to a page that is no model's

__all__ = ["PersonalityAdmin"]
