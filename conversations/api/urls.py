"""Addresses below `/api/v1/`."""

from django.urls import path

from conversations.api import messages, views

ONE = "conversations/<uuid:id>/"

urlpatterns = [
    path("conversations/", views.ConversationListView.as_view(), name="conversations"),
    path(ONE, views.ConversationView.as_view(), name="conversation"),
    path(f"{ONE}upgrade/", views.UpgradeView.as_view(), name="conversation-upgrade"),
    path(f"{ONE}messages/", messages.MessageListView.as_view(), name="messages"),
    path(f"{ONE}export/", messages.ExportView.as_view(), name="conversation-export"),
]
