"""What Prometheus scrapes, of this process."""

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from companion import __version__


class ScrapedRenderer(JSONRenderer):
    """Lets a scraper's Accept header through; errors are JSON all the same."""

    media_type = "text/plain"
    format = "txt"


class MetricsView(APIView):
    """For every valid key: of the least rights, a user of its own that `create_api_key` made."""

    renderer_classes = (*APIView.renderer_classes, ScrapedRenderer)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        # Imported here: prometheus-client costs a start 50 ms, and most processes are never scraped.
        from prometheus_client import CONTENT_TYPE_LATEST, Info, generate_latest

        from chat.metrics import ChatCollector
        from coherence.metrics import registry
        from conversations.metrics import ConversationsCollector

        made = registry()
        made.register(ChatCollector())
        made.register(ConversationsCollector())
        Info("companion_build", "The release that answers.", registry=made).info({"version": __version__})
        return HttpResponse(generate_latest(made), content_type=CONTENT_TYPE_LATEST)
