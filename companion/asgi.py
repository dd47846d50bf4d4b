"""The service for any ASGI server: `uvicorn companion.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "companion.settings")
application = get_asgi_application()

from personalities.startup import announce  # noqa: E402  needs the applications to be loaded

announce()
