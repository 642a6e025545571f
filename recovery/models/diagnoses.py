"""The place of the diagnosis in the admin. What it says is read by ``diagnosis`` and stored nowhere."""

from django.utils.translation import gettext_lazy as _

from recovery.models.requests import ResetRequest


class Diagnosis(ResetRequest):
    """One look-up of why a person cannot get in: a page, and no row. Who looked stands in the trail."""

    class Meta:
        proxy = True
        base_manager_name = "objects"
        default_permissions = ()
        verbose_name = _("diagnosis")
        verbose_name_plural = _("diagnosis")

    def __str__(self) -> str:
        return self.shown_reference
