"""ASGI applications that answer one path over HTTP: the service's peers. `application` is what a server runs."""
