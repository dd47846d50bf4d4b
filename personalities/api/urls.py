from django.urls import path

from personalities.api import views

urlpatterns = [
    path("personalities/", views.PersonalityListView.as_view(), name="personalities"),
    path("personalities/resolve/", views.ResolveView.as_view(), name="resolve"),
    path("personalities/<str:name>/", views.PersonalityDetailView.as_view(), name="personality"),
    path("personalities/<str:name>/id/", views.PersonalityIdView.as_view(), name="personality-id"),
    path("archetypes/", views.ArchetypeListView.as_view(), name="archetypes"),
]
