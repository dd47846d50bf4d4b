"""The two forms of a personality: adding fills what is left out, changing lets fields follow the archetype."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.urls import reverse
from django.utils.html import format_html
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminNullBooleanSelectWidget,
    UnfoldAdminTextInputWidget,
)

from personalities.archetypes import complete, refill
from personalities.config import (
    BEHAVIORS,
    CUSTOM,
    MAX_LEVEL,
    MAX_NOTE_LENGTH,
    MAX_TEMPERATURE,
    PREFERENCES,
    TRAITS,
    PersonalityConfig,
)
from personalities.lint import new_refusals
from personalities.models import Personality

FROM_ARCHETYPE = "from the archetype"
LOCKS_WIDGET = UnfoldAdminCheckboxSelectMultipleWidget
LINE_BREAK = re.compile(r"\r\n?")
TEXTS = (*CUSTOM, "greeting")


class LevelWidget(UnfoldAdminIntegerFieldWidget):
    """A number; the script beside the form adds a slider to it."""

    template_name = "admin/personalities/personality/level.html"


class TextWidget(UnfoldAdminExpandableTextareaWidget):
    """A text area with Django's template: in unfold's, browsers drop a line break at the beginning of a text."""

    template_name = "django/forms/widgets/textarea.html"


class TextField(forms.CharField):
    """Text as its author typed it. Browsers send CRLF for a line break: it counts as one character, not as a change."""

    def to_python(self, value: object) -> str:
        """The text, in which each line break is one character."""
        return LINE_BREAK.sub("\n", super().to_python(value) or "")

    def has_changed(self, initial: object, data: object) -> bool:
        """Whether `initial` and `data` differ in more than the kind of line breaks."""
        return super().has_changed(self.to_python(initial), data)


class LocksField(forms.MultipleChoiceField):
    """A checkbox for each preference of the user's."""

    def __init__(self, help_text: str) -> None:
        choices = [(name, name.replace("_", " ").capitalize()) for name in PREFERENCES]
        super().__init__(choices=choices, required=False, widget=LOCKS_WIDGET, help_text=help_text)


class PersonalityForm(forms.ModelForm):  # type: ignore[type-arg]
    """What both forms share: fields that keep texts exactly as typed, and the rules of the linter."""

    before: PersonalityConfig | None = None  # what is stored, if anything is
    follows: frozenset[str] = frozenset()  # the fields that change with the archetype, without being edited
    note = forms.CharField(
        max_length=MAX_NOTE_LENGTH,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="The reason, for the history.",
    )

    class Meta:
        model = Personality
        fields = "__all__"  # noqa: DJ007  the admin's fieldsets say which
        widgets: ClassVar[dict[str, forms.Widget | type[forms.Widget]]] = {
            **dict.fromkeys(TRAITS, LevelWidget),
            **dict.fromkeys(TEXTS, TextWidget),
            "temperature": UnfoldAdminDecimalFieldWidget({"step": 0.1}),  # any other may be typed
        }
        field_classes: ClassVar[dict[str, Callable[..., forms.Field]]] = {
            **dict.fromkeys(TRAITS, partial(forms.IntegerField, min_value=0, max_value=MAX_LEVEL)),
            **dict.fromkeys(TEXTS, partial(TextField, strip=False)),
            "temperature": partial(forms.FloatField, min_value=0, max_value=MAX_TEMPERATURE),
        }

    class Media:
        css = {"all": ("personalities/preview.css",)}
        js = (forms.Script("personalities/preview.js", defer=True),)

    def add_error(self, field: str | None, error: Any) -> None:
        """Django's, but an error about a name that is taken belongs to the name."""
        errors = getattr(error, "error_dict", {}) if field is None else {}
        for each in errors.pop(NON_FIELD_ERRORS, []):
            name = "personality_name" if each.code == "name_taken" else NON_FIELD_ERRORS
            errors.setdefault(name, []).append(each)
        super().add_error(field, error)

    def _post_clean(self) -> None:
        """Fill the instance as Django does; then report what the linter refuses at the field it is about."""
        self.before = None if self.instance._state.adding else self.instance.to_config()
        super()._post_clean()  # type: ignore[misc]  # its stubs leave it out
        if not self.errors:
            for path, messages in new_refusals(self.before, self.instance.to_config()).items():
                self.add_error(path.rpartition(".")[2], messages)


class AddForm(PersonalityForm):
    """Only the name must be given. The archetype fills what is left empty."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in (*TRAITS, "speaking_style", "greeting"):
            self.fields[name].widget.attrs["placeholder"] = FROM_ARCHETYPE
        for behavior in BEHAVIORS:
            self.fields[behavior] = _yes_no_or_neither(self.fields[behavior])
        relationships: Any = self.fields["relationship_type"]
        relationships.choices = [("", FROM_ARCHETYPE.capitalize()), *relationships.choices]
        for name in (*TRAITS, "relationship_type"):
            self.fields[name].required, self.fields[name].initial = False, None

    def clean(self) -> dict[str, object]:
        """Values of all fields: the archetype fills what is empty."""
        cleaned = super().clean() or {}
        given = {name: value for name, value in cleaned.items() if value not in ("", None)}
        return {**cleaned, **complete(given)}


class ChangeForm(PersonalityForm):
    """When the archetype changes, the fields that still hold what the old one had filled in follow it."""

    seen = forms.IntegerField(widget=forms.HiddenInput, label="")  # the version that the form was opened with

    class Meta(PersonalityForm.Meta):
        help_texts = {"archetype": "If you choose another, the fields that you never changed follow it."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "seen" in self.fields:  # somebody who may only look gets no fields
            self.initial["seen"] = self.instance.version

    def clean(self) -> dict[str, object]:
        """What was typed, and what follows the archetype. Refused if somebody else has saved meanwhile."""
        cleaned = super().clean() or {}
        if cleaned.get("seen", self.instance.version) != self.instance.version:
            self.add_error(None, _changed_meanwhile(self.instance, cleaned["seen"]))
            return cleaned
        given = {name: cleaned[name] for name in self.changed_data if name in cleaned}
        stored = vars(self.instance)
        refilled = {**refill(stored, given), **given}
        self.follows = frozenset(name for name in refilled.keys() - given.keys() if refilled[name] != stored[name])
        untouched = {name: stored[name] for name in TEXTS if name not in self.changed_data}
        return {**cleaned, **untouched, **refilled}


def history_url(pk: UUID) -> str:
    """The admin's page with the history of the personality with the id `pk`."""
    return reverse("admin:personalities_personality_history", args=[pk])


def _changed_meanwhile(row: Personality, seen: int) -> ValidationError:
    return ValidationError(
        format_html(
            "Version {} was saved while you were editing; yours was made from version {}. "
            '<a href="{}" class="underline">See what changed</a>, then reload: what you typed is still below.',
            row.version, seen, f"{history_url(row.pk)}?before={seen}&after={row.version}",
        ),
        code="changed_meanwhile",
    )  # fmt: skip


def _yes_no_or_neither(checkbox: forms.Field) -> forms.Field:
    """An empty checkbox means no; a new personality may also leave the answer to its archetype."""
    select = UnfoldAdminNullBooleanSelectWidget()
    select.choices = [("unknown", FROM_ARCHETYPE.capitalize()), ("true", "Yes"), ("false", "No")]
    return forms.NullBooleanField(required=False, label=checkbox.label, help_text=checkbox.help_text, widget=select)
