"""The service for any ASGI server: `granian --interface asginl companion.asgi:application`."""

import os

import django

from companion.environment import exit_if_misconfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "companion.settings")
with exit_if_misconfigured():
    django.setup(set_prefix=False)

# What follows needs the applications to be loaded.
from companion.body_limits import BodyLimits  # noqa: E402
from companion.handler import Handler  # noqa: E402
from companion.header_limits import HeaderLimits  # noqa: E402
from companion.hot_read import HotReader  # noqa: E402
from companion.optional_apps import mount_chat  # noqa: E402
from companion.shutdown import Draining  # noqa: E402
from companion.slow_readers import slow_readers  # noqa: E402
from personalities.startup import start  # noqa: E402
from rest.request_id import RequestIds  # noqa: E402

django_application = Handler()
application = HotReader(Draining(RequestIds(HeaderLimits(mount_chat(otherwise=BodyLimits(django_application))))))
start()
slow_readers.start()
