"""The service for any ASGI server: `granian --interface asginl companion.asgi:application`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "companion.settings")
django.setup(set_prefix=False)

# What follows needs the applications to be loaded.
from chat.application import PAGE_COMPLETIONS, Chat  # noqa: E402
from chat.backends.choose import choose_backend  # noqa: E402
from chat.limits import admit_by_rate  # noqa: E402
from companion.body_limits import BodyLimits  # noqa: E402
from companion.handler import Handler  # noqa: E402
from companion.hot_read import HotReader  # noqa: E402
from companion.mount import Mount  # noqa: E402
from personalities.startup import announce  # noqa: E402

django_application = Handler()
chat = Chat(choose_backend(), admit=admit_by_rate)
beside_pages = Mount(PAGE_COMPLETIONS, chat, otherwise=BodyLimits(django_application))
application = HotReader(Mount("/v1/", chat, otherwise=beside_pages))
announce()
