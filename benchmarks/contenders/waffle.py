"""django-waffle: a row that is looked up by name through Django's cache. A flag holds no configuration."""

from benchmarks.commands import Commands, timed
from benchmarks.project import configure
from benchmarks.subject import NAME


def commands() -> Commands:
    configure("waffle")
    from django.core.management import call_command
    from waffle import get_waffle_flag_model

    call_command("migrate", "waffle", verbosity=0)
    flags = get_waffle_flag_model()
    flags.objects.create(name=NAME, everyone=True)
    return timed(id=lambda: flags.get(NAME).pk)
