"""Registers the tasks and the system checks. Web processes know the tasks, so eager mode works there too."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RecoveryConfig(AppConfig):
    name = "recovery"
    verbose_name = _("Account recovery")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from recovery import checks, tasks  # noqa: F401
