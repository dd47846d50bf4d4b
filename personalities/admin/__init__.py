"""The admin of personalities: the list, the form, and a preview beside it of what programs will see."""

from personalities.admin.personality import PersonalityAdmin

__all__ = ["PersonalityAdmin"]
