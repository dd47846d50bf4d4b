"""Everything in front of Django, one ASGI application around the next."""

from companion.bodies import Bodies
from companion.body_limits import BodyLimits
from companion.cors import Cors
from companion.forwarded_headers import ForwardedHeaders
from companion.handler import Handler
from companion.header_limits import HeaderLimits
from companion.hot_read import HotReader
from companion.optional_apps import mount_chat
from companion.request_metrics import RequestMetrics
from companion.shutdown import Draining
from companion.slow_peers import Answering
from rest.request_id import RequestIds


def wrap(django_application: Handler) -> HotReader:
    """The service: all that stands before Django, around it. A request passes HotReader first and Django last."""
    bounded = HeaderLimits(ForwardedHeaders(mount_chat(otherwise=BodyLimits(django_application))))
    return HotReader(Draining(Answering(RequestMetrics(RequestIds(Cors(Bodies(bounded)))))))
