"""Registers the tasks, the system checks and the receiver of anymail's events. Web processes know the tasks, so eager
mode works there too."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RecoveryConfig(AppConfig):
    name = "recovery"
    verbose_name = _("Account recovery")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from anymail.signals import tracking

        from recovery import checks, tasks, webhooks  # noqa: F401

        tracking.connect(webhooks.tracked, dispatch_uid="recovery")
