"""Registers the tasks, the system checks, and the receivers of anymail's events, of sign-ins, of saved and deleted
accounts and of the end of requests. Web processes know the tasks, so eager mode works there too."""

from typing import Any

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class RecoveryConfig(AppConfig):
    name = "recovery"
    verbose_name = _("Account recovery")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from anymail.signals import tracking
        from django.contrib.auth import user_logged_in
        from django.core.signals import request_finished, request_started
        from django.db.models.signals import class_prepared, post_save

        from recovery import checks, lockouts, middleware, resets, tasks, webhooks  # noqa: F401

        tracking.connect(webhooks.tracked, dispatch_uid="recovery")
        user_logged_in.connect(middleware.signed_in, dispatch_uid="recovery")
        post_save.connect(resets.user_saved, dispatch_uid="recovery")
        post_save.connect(resets.user_created, dispatch_uid="recovery.passwords")
        class_prepared.connect(_await_deletions, dispatch_uid="recovery")  # a proxy may be made later
        for model in apps.get_models():
            _await_deletions(model)
        for moment in (request_started, request_finished):
            moment.connect(lockouts.close_old, dispatch_uid="recovery")


def _await_deletions(sender: type[Any], **signal: Any) -> None:
    """Of accounts by whatever proxy, which Django names as the sender. No receiver is for all models: one would cost
    every model of the site its deletion by a single statement."""
    from django.contrib.auth import get_user_model
    from django.db.models.signals import post_delete

    from recovery import backup_addresses, devices, privacy

    if sender._meta.concrete_model is get_user_model()._meta.concrete_model:
        post_delete.connect(privacy.account_deleted, sender=sender, dispatch_uid="recovery.privacy")
        post_delete.connect(backup_addresses.account_deleted, sender=sender, dispatch_uid="recovery")
        post_delete.connect(devices.account_deleted, sender=sender, dispatch_uid="recovery.devices")
