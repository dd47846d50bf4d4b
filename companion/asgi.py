"""The service for any ASGI server: `uvicorn companion.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "companion.settings")
django_application = get_asgi_application()

# What follows needs the applications to be loaded.
from companion.door import Door  # noqa: E402
from companion.reader import HotReader  # noqa: E402
from personalities.startup import announce  # noqa: E402

application = HotReader(Door(django_application))  # type: ignore[arg-type]  # the stubs type ASGI by other names
announce()
