"""All that stands in front of Django, one ASGI application around the other."""

from companion.body_limits import BodyLimits
from companion.handler import Handler
from companion.header_limits import HeaderLimits
from companion.hot_read import HotReader
from companion.optional_apps import mount_chat
from companion.refusals import BrokenBodies
from companion.shutdown import Draining
from rest.request_id import RequestIds


def around(django_application: Handler) -> HotReader:
    """The whole service, outermost first: from memory, draining, with an id, within bounds; then chat, or Django."""
    bounded = HeaderLimits(mount_chat(otherwise=BodyLimits(django_application)))
    return HotReader(Draining(RequestIds(BrokenBodies(bounded))))
