"""Registers tasks and system checks, and receives anymail's events and what is saved or deleted of accounts.
Web processes know the tasks, so eager mode works there too."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RecoveryConfig(AppConfig):
    name = "recovery"
    verbose_name = _("Account recovery")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from anymail.signals import tracking
        from django.contrib.auth import get_user_model
        from django.db.models.signals import post_delete, post_save

        from recovery import backup_addresses, checks, resets, tasks, webhooks  # noqa: F401

        tracking.connect(webhooks.tracked, dispatch_uid="recovery")
        post_save.connect(resets.user_saved, dispatch_uid="recovery")
        post_delete.connect(backup_addresses.account_deleted, sender=get_user_model(), dispatch_uid="recovery")
