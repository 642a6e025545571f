"""What follows when a person says over a notice that it was not them."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class ObjectionEnd(TextChoices):
    """What followed from "this was not me"."""

    ROTATED = "rotated", _("the password was ended, and a link for a new one is mailed")
    DISPUTED = "disputed", _("the password was ended, and no link is mailed before support has decided")
    WITHDRAWN = "withdrawn", _("the address stays, and the support team has been told")
    ALREADY = "already", _("that had been done over another notice")
    ESCALATED = "escalated", _("it had been done too often; support decides")
