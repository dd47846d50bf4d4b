"""The pages below /chat/. Chat's API is not part of Django: see application.py."""

from django.urls import path

from chat.page import playground
from chat.page_api import ConversationPromptView, SearchView

urlpatterns = [
    path("", playground, name="playground"),
    path("personalities/search/", SearchView.as_view(), name="playground-search"),  # no name has a slash
    path("conversations/<uuid:id>/prompt/", ConversationPromptView.as_view(), name="playground-prompt"),
    path("<str:name>/", playground, name="playground"),
]
