"""The personality as PostgreSQL keeps it, with what the database checks and counts by itself."""

import uuid
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import connections, models
from django.db.models import Q
from django.db.models.lookups import LessThanOrEqual
from django.db.models.sql import UpdateQuery

from coherence.triggers import note_changes
from personalities.archetypes import ARCHETYPES, NO_ARCHETYPE
from personalities.cache import LOG_KEY_SQL, Key
from personalities.config import (
    LENGTHS,
    MAX_CHOICE,
    MAX_LEVEL,
    MAX_TEMPERATURE,
    MODEL_PATTERN,
    PREFERENCES,
    TRAITS,
    PersonalityConfig,
    config_of,
)
from personalities.fields import NameField
from personalities.managers import NAME_WORDS, PersonalityManager
from personalities.names import NAME_PATTERN, RESERVED, default_display_name
from rest.times import UNIX_RANGE, readable

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

# Two writers at the same time get a version each: the trigger runs while the row is locked.
COUNT_VERSIONS = """
given := NEW.updated_at;
NEW.version := OLD.version;
NEW.updated_at := OLD.updated_at;
IF NEW IS DISTINCT FROM OLD THEN
    NEW.version := OLD.version + 1;
    NEW.updated_at := CASE WHEN given IS DISTINCT FROM OLD.updated_at THEN given ELSE clock_timestamp() END;
END IF;
RETURN NEW;
"""


class RelationshipType(models.TextChoices):
    """What a personality is to its user."""

    ADVISOR = "advisor"
    ASSISTANT = "assistant"
    COACH = "coach"
    FRIEND = "friend"
    GIRLFRIEND = "girlfriend"
    MENTOR = "mentor"
    PARTNER = "partner"
    THERAPIST = "therapist"


def archetype_choices() -> list[tuple[str, str]]:
    """The archetypes as choices of a form: name and display name."""
    return [(archetype.name, archetype.display_name) for archetype in ARCHETYPES.values()]


def level(trait: str, low: str, high: str) -> "models.PositiveSmallIntegerField[int, int]":
    """A column for the level of `trait`, 0 to MAX_LEVEL; `low` and `high` describe its ends."""
    return models.PositiveSmallIntegerField(
        default=NO_ARCHETYPE[trait],
        validators=[MaxValueValidator(MAX_LEVEL)],
        help_text=f"0: {low}. {MAX_LEVEL}: {high}.",
    )


def text(field: str, help_text: str) -> "models.CharField[str, str]":
    """A column for an author's text, with the length that `personalities.config` allows."""
    length = LENGTHS[field]
    return models.CharField(max_length=length, blank=True, help_text=f"{help_text} At most {length} characters.")


def _count_versions() -> pgtrigger.Trigger:
    """Count a version and set `updated_at` when an update changes anything, and only then."""
    return pgtrigger.Trigger(
        name="count_versions", when=pgtrigger.Before, operation=pgtrigger.Update,
        declare=[("given", "timestamptz")], func=COUNT_VERSIONS,
    )  # fmt: skip


def _between_0_and_10(trait: str) -> models.CheckConstraint:
    condition = Q(**{f"{trait}__range": (0, MAX_LEVEL)})
    return models.CheckConstraint(name=f"personality_{trait}_0_to_10", condition=condition)


NAME_CONSTRAINT = "personality_owner_and_name_unique"
DIMENSIONS = models.Func("locked_preferences", function="array_ndims", output_field=models.IntegerField())


class Personality(models.Model):
    """Who a companion is. A personality without an owner is global: it is served to everybody."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="personalities",
        help_text="Empty: a global personality, for everybody.",
    )  # fmt: skip
    personality_name = NameField(help_text="The name that programs use: a-z, 0-9, - and _. Case does not matter.")
    display_name = models.CharField(
        max_length=LENGTHS["display_name"],
        blank=True,
        help_text="The name that people see. Empty: made from the name above.",
    )
    archetype = models.CharField(
        max_length=MAX_CHOICE, blank=True, choices=archetype_choices, help_text="Fills what is left empty below."
    )
    relationship_type = models.CharField(
        max_length=MAX_CHOICE, choices=RelationshipType, default=NO_ARCHETYPE["relationship_type"],
        help_text="What it is to the user.",
    )  # fmt: skip

    humor_level = level("humor_level", "dry and earnest", "jokes whenever it can")
    formality_level = level("formality_level", "talks like a friend", "talks like a letter")
    enthusiasm_level = level("enthusiasm_level", "calm, almost flat", "delighted by everything")
    empathy_level = level("empathy_level", "keeps to the facts", "answers the feeling first")
    directness_level = level("directness_level", "hints and lets you find it", "says it straight out")
    curiosity_level = level("curiosity_level", "takes what it is told", "wants to know everything")
    supportiveness_level = level("supportiveness_level", "leaves you to it", "always at your side")
    playfulness_level = level("playfulness_level", "serious", "turns everything into a game")

    asks_questions = models.BooleanField(
        default=NO_ARCHETYPE["asks_questions"],
        help_text="Asks questions, to understand and to keep the conversation going.",
    )
    uses_examples = models.BooleanField(default=NO_ARCHETYPE["uses_examples"], help_text="Explains with examples.")
    shares_opinions = models.BooleanField(default=NO_ARCHETYPE["shares_opinions"], help_text="Says what it thinks.")
    challenges_user = models.BooleanField(
        default=NO_ARCHETYPE["challenges_user"], help_text="Questions what the user takes for granted."
    )
    celebrates_wins = models.BooleanField(
        default=NO_ARCHETYPE["celebrates_wins"], help_text="Celebrates what the user has achieved."
    )

    backstory = text("backstory", "Where it comes from.")
    custom_instructions = text("custom_instructions", "What it does and does not do.")
    speaking_style = text("speaking_style", "How its voice sounds.")
    greeting = text("greeting", "Its first line.")

    # The database defaults serve writers that do not know these columns: an earlier release, a script.
    model = models.CharField(
        max_length=LENGTHS["model"], default="", db_default="", blank=True, validators=[RegexValidator(MODEL_PATTERN)],
        help_text="The language model, by its name on the server. Empty: the service's default.",
    )  # fmt: skip
    temperature = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(MAX_TEMPERATURE)],
        help_text="0: the most predictable answers. 2: the most varied. Empty: the service's default.",
    )  # fmt: skip
    locked_preferences = ArrayField(
        models.CharField(max_length=MAX_CHOICE), default=list, db_default=[], blank=True,
        help_text="Preferences that users cannot override.",
    )  # fmt: skip

    is_active = models.BooleanField(default=True, help_text="Inactive: kept, but not served to anybody.")
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PersonalityManager()

    # The key under which this row was read or last saved. If somebody else has renamed the row since, saving it here
    # does not delete the copy under their name from Redis; lookups do not serve that copy, because it is outdated.
    stored_key: Key | None = None

    class Meta:
        verbose_name_plural = "personalities"
        ordering = ("personality_name", "id")
        triggers = [_count_versions(), *note_changes(LOG_KEY_SQL)]
        indexes = [GinIndex(NAME_WORDS, name="personality_words")]
        constraints = [
            models.UniqueConstraint(
                fields=("owner", "personality_name"), name=NAME_CONSTRAINT, nulls_distinct=False,
                violation_error_code="name_taken",
                violation_error_message="There is a personality of this name already.",
            ),
            models.CheckConstraint(
                name="personality_name_canonical", condition=Q(personality_name__regex=f"^{NAME_PATTERN.pattern}$")
            ),
            models.CheckConstraint(
                name="personality_name_not_reserved",
                condition=~Q(personality_name__regex=f"^({'|'.join(sorted(RESERVED))})$"),
            ),
            models.CheckConstraint(
                name="personality_archetype_known", condition=Q(archetype__in=["", *ARCHETYPES])
            ),
            models.CheckConstraint(
                name="personality_relationship_type_known", condition=Q(relationship_type__in=RelationshipType.values)
            ),
            models.CheckConstraint(
                name="personality_locked_preferences_known",
                condition=Q(locked_preferences__contained_by=list(PREFERENCES)),
            ),
            # To PostgreSQL, {{tone,language}} is contained in what is known, too.
            models.CheckConstraint(
                name="personality_locked_preferences_flat", condition=LessThanOrEqual(DIMENSIONS, 1)
            ),
            models.CheckConstraint(
                name="personality_model_plain", condition=Q(model="") | Q(model__regex=MODEL_PATTERN)
            ),
            # This excludes NaN, which PostgreSQL sorts above every number.
            models.CheckConstraint(
                name="personality_temperature_0_to_2", condition=Q(temperature__range=(0, MAX_TEMPERATURE))
            ),
            readable("personality_times_known", "created_at", "updated_at", within=UNIX_RANGE),
            models.CheckConstraint(name="personality_version_positive", condition=Q(version__gte=1)),
            *map(_between_0_and_10, TRAITS),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.display_name or self.personality_name

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[object], **others: Any) -> Self:
        """A row as Django loads it, which remembers the key under which it is stored."""
        row = super().from_db(db, field_names, values, **others)
        if {"owner_id", "personality_name"}.issubset(field_names):
            row.stored_key = row.key
        return row

    @property
    def key(self) -> Key:
        """The owner's id and the name, by which lookups and the cache know the row."""
        return self.owner_id, self.personality_name

    def is_editable_by(self, user: "User | AnonymousUser") -> bool:
        """Whether `user` may write it: staff write global personalities, owners their own."""
        return bool(user.is_staff) if self.owner_id is None else self.owner_id == user.pk

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the row. Afterwards `version` and `updated_at` are what the database has made of them."""
        self.display_name = self.display_name or default_display_name(self.personality_name)
        super().save(*args, **kwargs)

    # The stubs are those of Django 6, which reads back database-computed columns by itself.
    def _do_update(self, base_qs: Any, using: str, pk_val: uuid.UUID, values: Any, *args: object) -> bool:  # type: ignore[override]
        """Update the row, and read back in the same statement what the trigger has counted. False if it is gone."""
        query = base_qs.filter(pk=pk_val).query.chain(UpdateQuery)
        query.add_update_fields(values)
        statement, parameters = query.get_compiler(using).as_sql()
        with connections[using].cursor() as cursor:
            cursor.execute(f'{statement} RETURNING "version", "updated_at"', parameters)
            written = cursor.fetchone()
        if written:
            self.version, self.updated_at = written
        return bool(written)

    def to_config(self) -> PersonalityConfig:
        """The configuration that programs see."""
        return config_of(self)
