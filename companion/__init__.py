"""The composition root: settings, routes, servers. Imports the apps; no app imports it."""

__version__ = "0.2.0"  # of the whole service; pyproject.toml, the OpenAPI schema, /metrics and dev.py read it here
