"""A forced rotation: what started it, how far an account of it is, and why one is stuck."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class RotationSource(TextChoices):
    """What a forced rotation was started from."""

    PERSON = "person", _("the person said that it was not them")
    STAFF = "staff", _("staff, in the admin")
    COMMAND = "command", _("a command")
    SITE = "site", _("the site's own code")


class RotationStep(TextChoices):
    """What was done with one account of a forced rotation."""

    WAITING = "waiting", _("not started")
    ROTATED = "rotated", _("its password, sessions and tokens have ended")
    LINK_DUE = "link_due", _("has ended, and a fresh link is to be made")
    STOPPED = "stopped", _("stopped by staff before it was started")
    FAILED = "failed", _("given up after too many tries")


class RotationStage(TextChoices):
    """Where one account of a forced rotation is; each is at one stage."""

    WAITING = "waiting", _("not started")
    STARTED = "started", _("its access has ended, its mail is on its way")
    TOLD = "told", _("its mail was handed over")
    DELIVERED = "delivered", _("its mail was delivered")
    OPENED = "opened", _("a person opened its link")
    COMPLETED = "completed", _("the person set a new password")
    STUCK = "stuck", _("somebody must help")
    NOT_MAILED = "not_mailed", _("its access has ended, no link was made")
    STOPPED = "stopped", _("stopped by staff before it was started")


class RotationSnag(TextChoices):
    """Why an account of a forced rotation is stuck. Why one was not mailed is a word of ``Outcome``."""

    ERROR = "error", _("its access could not be ended")
    NOT_REVOKED = "not_revoked", _("some of its tokens could not be ended")
    TOO_LATE = "too_late", _("its mail did not leave in time")
    WITHHELD = "withheld", _("its mail is held back")
    CANCELLED = "cancelled", _("its mail was cancelled")
    REFUSED = "refused", _("its mail was refused for good")
    BOUNCED = "bounced", _("its mail came back")
    LINK_OVER = "link_over", _("its link is over and was not used")


UNFINISHED = (RotationStep.WAITING, RotationStep.LINK_DUE)
"""Steps after which a worker still has something to do. An account is in at most one such."""
