"""Somebody who edits personalities through the service."""

from itertools import count

import django

from benchmarks.commands import Commands

numbers = count()


def commands() -> Commands:
    django.setup()
    return {"edit": edit}


def edit(name: str) -> None:
    from personalities.models import Personality

    row = Personality.objects.get(personality_name=name)
    row.greeting = f"Edit {next(numbers)}"
    row.save()
