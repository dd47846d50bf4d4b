"""The pages below /chat/. The API of chat is no part of Django: see application.py."""

from django.urls import path

from chat.page import playground
from chat.search import SearchView

urlpatterns = [
    path("", playground, name="playground"),
    path("personalities/search/", SearchView.as_view(), name="playground-search"),  # no name has a slash
    path("<str:name>/", playground, name="playground"),
]
