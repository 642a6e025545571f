"""What came back, and what it means for an address."""

from typing import Final

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class BounceClass(TextChoices):
    """What a failure or complaint means for the address."""

    HARD = "hard", _("the address itself is dead")
    SOFT = "soft", _("it may work later")
    UNDETERMINED = "undetermined", _("it failed, and what came back does not say why")
    POLICY = "policy", _("refused for who we are or what we sent, not for the address")
    COMPLAINT = "complaint", _("the person reported it as spam")


EXCUSED_RULE: Final = "enhanced:5.4.4"
"""Unable to route: a domain that is gone, and also one whose name servers are. Hard when it is seen again after a
day."""


class SuppressionReason(TextChoices):
    """Why an address must not be mailed now."""

    BOUNCED = "bounced", _("mail to it came back for good")
    COMPLAINED = "complained", _("the person reported mail of this kind as spam")
    STAFF = "staff", _("staff stopped it")


class Lift(TextChoices):
    """What ended a suppression before its time."""

    DELIVERY = "delivery", _("mail arrived there again")
    ADDRESS_CHANGE = "address_change", _("it was made the address of an account anew")
    STAFF = "staff", _("staff lifted it")
