"""What was done for one person of an incident that is being repaired."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class RepairStep(TextChoices):
    """What was done for one person of an incident's repair."""

    WAITING = "waiting", _("not begun with")
    ASKED = "asked", _("a fresh link was asked for")
    NEEDLESS = "needless", _("got in, has a newer link or a disputed address by the time it was their turn")
    STOPPED = "stopped", _("stopped by staff before it was their turn")
    FAILED = "failed", _("given up after too many tries")
