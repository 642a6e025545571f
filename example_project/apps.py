"""The example project as an app: its templates, its admin, its commands ``demo`` and ``test``."""

from django.apps import AppConfig


class ExampleProjectConfig(AppConfig):
    name = "example_project"

    def ready(self) -> None:
        # Tasks that the web process rings for go to this Celery app.
        from example_project import celery  # noqa: F401
