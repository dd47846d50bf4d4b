"""The routes below /api/v1/."""

from django.urls import path

from personalities.api import lint, prompts, versions, views

NAMED = "personalities/<str:name>/"

urlpatterns = [
    path("personalities/", views.PersonalityListView.as_view(), name="personalities"),
    path("personalities/resolve/", views.ResolveView.as_view(), name="resolve"),
    path("personalities/lint/", lint.NewLintView.as_view(), name="lint-new"),
    path(NAMED, views.PersonalityDetailView.as_view(), name="personality"),
    path(f"{NAMED}id/", views.PersonalityIdView.as_view(), name="personality-id"),
    path(f"{NAMED}prompt/", prompts.PromptView.as_view(), name="prompt"),
    path(f"{NAMED}lint/", lint.LintView.as_view(), name="lint"),
    path(f"{NAMED}versions/", versions.VersionListView.as_view(), name="versions"),
    path(f"{NAMED}versions/<int:number>/", versions.VersionView.as_view(), name="version"),
    path(f"{NAMED}versions/<int:before>...<int:after>/", versions.DifferenceView.as_view(), name="difference"),
    path(f"{NAMED}rollback/", versions.RollbackView.as_view(), name="rollback"),
    path("archetypes/", views.ArchetypeListView.as_view(), name="archetypes"),
]
