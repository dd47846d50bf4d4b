"""The admin of personalities: the list, the form, and beside it a preview of what programs will see."""

from personalities.admin.personality import PersonalityAdmin

__all__ = ["PersonalityAdmin"]
