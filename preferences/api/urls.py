"""The routes below /api/v1/."""

from django.urls import path

from preferences.api import views

urlpatterns = [
    path("preferences/", views.PreferencesView.as_view(), name="preferences"),
    path("preferences/prompt/<str:name>/", views.PromptView.as_view(), name="preferences-prompt"),
]
