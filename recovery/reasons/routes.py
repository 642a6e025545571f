"""What a try at a route came to, whether the route is used, and which mail may leave at all."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class TryOutcome(TextChoices):
    """What one try at one route came to."""

    ACCEPTED = "accepted", _("the provider has it")
    REFUSED_RECIPIENT = "refused_recipient", _("refused for good: this recipient")
    REFUSED_US = "refused_us", _("refused: our key, sender, quota or settings")
    REFUSED_MAIL = "refused_mail", _("refused: this content or size")
    BUSY = "busy", _("the route asks for a pause")
    LATER = "later", _("this recipient's server asks to come back later")
    DOWN = "down", _("surely not taken: no connection, or an error of the provider")
    AMBIGUOUS = "ambiguous", _("it may have been taken")
    MALFORMED = "malformed", _("it cannot be made into a message")


class Circuit(TextChoices):
    """Whether a route is being used."""

    CLOSED = "closed", _("in use")
    OPEN = "open", _("not in use: it failed")
    HALF_OPEN = "half_open", _("being tried with one mail at a time")


class MailLevel(TextChoices):
    """Which mail may leave at all."""

    ALL = "all", _("all mail leaves")
    SYSTEM = "system", _("only recovery and security mail leaves")
    NONE = "none", _("no mail leaves")
