"""Registers the tasks, the system checks, and the receivers of anymail's events, of sign-ins, of saved and deleted
accounts and of the end of requests. Web processes know the tasks, so eager mode works there too."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RecoveryConfig(AppConfig):
    name = "recovery"
    verbose_name = _("Account recovery")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from anymail.signals import tracking
        from django.contrib.auth import get_user_model, user_logged_in
        from django.core.signals import request_finished, request_started
        from django.db.models.signals import post_delete, post_save

        from recovery import backup_addresses, checks, devices, lockouts, middleware, privacy, resets, tasks, webhooks  # noqa: F401

        tracking.connect(webhooks.tracked, dispatch_uid="recovery")
        user_logged_in.connect(middleware.signed_in, dispatch_uid="recovery")
        post_save.connect(resets.user_saved, dispatch_uid="recovery")
        post_save.connect(resets.user_created, sender=get_user_model(), dispatch_uid="recovery.passwords")
        post_delete.connect(privacy.account_deleted, sender=get_user_model(), dispatch_uid="recovery.privacy")
        post_delete.connect(backup_addresses.account_deleted, sender=get_user_model(), dispatch_uid="recovery")
        post_delete.connect(devices.account_deleted, sender=get_user_model(), dispatch_uid="recovery.devices")
        for moment in (request_started, request_finished):
            moment.connect(lockouts.close_old, dispatch_uid="recovery")
