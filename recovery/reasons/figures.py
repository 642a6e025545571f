"""What the figures count, and how a target stands."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Figure(TextChoices):
    """What is counted; each number of the dashboard opens the rows behind one of these words."""

    DELIVERED = "delivered", _("mail that arrived at the recipient's server")
    BOUNCED = "bounced", _("mail that the recipient's server returned")
    FAILED = "failed", _("mail that was refused for good")
    EXPIRED = "expired", _("mail that was too late to be of use, and not sent")
    LATE = "late", _("mail that has been on its way for too long")
    NO_NEWS = "no_news", _("mail that was handed over, and nobody said what became of it")
    EXPECTED = "expected", _("mail that should have arrived by now: all of the above")
    NOT_ARRIVED = "not_arrived", _("mail that did not arrive, or not so far: returned, refused, too late")
    ON_ITS_WAY = "on_its_way", _("mail that is on its way")
    WITHHELD = "withheld", _("mail that was not sent on purpose")
    CANCELLED = "cancelled", _("mail that was not needed any more, or that staff stopped")
    TIMED = "timed", _("mail of which it is known when it arrived")
    WITHIN_60S = "within_60s", _("mail that arrived within 60 seconds of the request")
    IN_TIME = "in_time", _("mail that arrived within the target's time")
    SLOW = "slow", _("mail that arrived later than that")
    COMPLAINED = "complained", _("mail that was reported as spam")
    USABLE = "usable", _("mail that left, with a link that was good until it was used or too old")
    OPENED = "opened", _("mail whose link a person opened in time")
    COMPLETED = "completed", _("mail whose link set a new password")
    UNOPENED = "unopened", _("mail whose link nobody opened in time")
    LIVE = "live", _("mail whose link nobody has opened yet, and that still works")
    SUPERSEDED = "superseded", _("mail whose link a newer one replaced, or that was revoked")
    REQUESTS = "requests", _("requests that meant an account")
    CASES = "cases", _("support cases that were opened")
    ACTS = "acts", _("what staff did so that somebody gets in")


class Standing(TextChoices):
    """How a target stands."""

    MET = "met", _("met")
    MISSED = "missed", _("missed")
    TOO_FEW = "too_few", _("too few to tell")
    NO_NEWS = "no_news", _("depends on mail of which nothing was heard")
