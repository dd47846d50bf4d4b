"""The service for any WSGI server: `gunicorn companion.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "companion.settings")
application = get_wsgi_application()

from personalities.startup import announce  # noqa: E402  needs the applications to be loaded

announce()
