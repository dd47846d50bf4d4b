"""The model field for names. It has a module of its own because `personalities.names` does not import Django."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

from personalities.names import MAX_LENGTH, InvalidName, canonical


class NameField(models.CharField):  # type: ignore[type-arg]
    """A name in its canonical spelling, however it was written: in forms, saves, bulk writes and exact filters."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"max_length": MAX_LENGTH} | kwargs)

    def to_python(self, value: object) -> str:
        """The canonical spelling. Raises Django's ValidationError."""
        try:
            return canonical(value)
        except InvalidName as error:
            raise ValidationError(str(error), code="invalid") from None

    def get_prep_value(self, value: object) -> str | None:
        """What a query compares with. Raises InvalidName."""
        return None if value is None else canonical(value)

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        """Save the canonical spelling, and leave it on the instance. Raises InvalidName."""
        spelling = canonical(getattr(model_instance, self.attname))
        setattr(model_instance, self.attname, spelling)
        return spelling

    def formfield(self, **kwargs: Any) -> forms.Field | None:
        """Django's, which would also strip tabs and line breaks."""
        return super().formfield(**{"strip": False} | kwargs)
