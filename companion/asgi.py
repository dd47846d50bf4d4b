"""The service for any ASGI server: `granian --interface asginl companion.asgi:application`."""

import os

import django

from companion.environment import exit_if_misconfigured
from companion.shutdown import shutdown

shutdown.hold()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "companion.settings")
with exit_if_misconfigured():
    django.setup(set_prefix=False)

# What follows needs the applications to be loaded.
from companion import instance_metrics  # noqa: E402
from companion.front import wrap  # noqa: E402
from companion.handler import Handler  # noqa: E402
from companion.slow_peers import slow_peers  # noqa: E402
from personalities.startup import start  # noqa: E402

django_application = Handler()
application = wrap(django_application)
with exit_if_misconfigured():
    start()
slow_peers.start()
instance_metrics.start()
shutdown.start()
