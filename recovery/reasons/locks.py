"""Why sign-in is refused for a while, and what ended that."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class LockKind(TextChoices):
    """Whose sign-ins a lockout refuses."""

    ACCOUNT = "account", _("sign-ins with this name from unknown devices")
    DEVICE = "device", _("sign-ins with this name from one known device")
    SOURCE = "source", _("sign-ins from one place, whatever the name")
    STAFF = "staff", _("all sign-ins of the account; staff locked it")


class LockLift(TextChoices):
    """What ended a lockout."""

    TIME = "time", _("its time was over")
    RESET = "reset", _("the person set a new password over a link")
    STAFF = "staff", _("staff lifted it")
