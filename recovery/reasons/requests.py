"""Why recovery was asked for, what is checked before a link is issued, and what became of the ask."""

from collections.abc import Sequence

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Kind(TextChoices):
    """Why a request exists."""

    FORGOT = "forgot", _("asked on the forgot page")
    ADMIN = "admin", _("sent by staff")
    FORCED = "forced", _("follows a forced rotation")
    ACTIVATION = "activation", _("account without a password; a link to choose the first one")


class Outcome(TextChoices):
    """What became of a request, or of one account of it."""

    RECEIVED = "received", _("received, not decided yet")
    SENT = "sent", _("a mail was queued")
    PARTLY_SENT = "partly_sent", _("mail for some of the accounts was queued")
    THROTTLED = "throttled", _("too many asks within the hour")
    NO_ACCOUNT = "no_account", _("no account has this name or address")
    INACTIVE = "inactive", _("the account is inactive; inactive accounts are never mailed")
    NO_PASSWORD = "no_password", _("the account signs in without a password of this site")
    JOINED = "joined", _("the account has a password or was signed in to; it needs no activation")
    UNVERIFIED_ADDRESS = "unverified_address", _("the address was never verified")
    NO_ADDRESS = "no_address", _("the account has no mail address")
    COOLDOWN = "cooldown", _("a link was issued moments ago and still stands")
    EXPIRED = "expired", _("not decided before it was too late to be of use")
    COMPLETED = "completed", _("a new password was set")
    LEVEL_BLOCKED = "level_blocked", _("the mail level lets no mail out")
    DISPUTED = "disputed", _("whose address it is, is in question; support decides, and sends a link")
    ESCALATED = "escalated", _("no mail reached the person; support has a case")


def overall(outcomes: Sequence[str]) -> str:
    """One word for a request, of those of its accounts: what all have in common, or that some got mail, or the
    first."""
    if not outcomes:
        return Outcome.NO_ACCOUNT
    if Outcome.LEVEL_BLOCKED in outcomes:
        return Outcome.LEVEL_BLOCKED
    if Outcome.SENT in outcomes:
        return Outcome.SENT if set(outcomes) == {Outcome.SENT} else Outcome.PARTLY_SENT
    return outcomes[0]


class Gate(TextChoices):
    """What is checked, in this order, before a link is issued for an account."""

    ACTIVE = "active", _("account is active")
    HAS_PASSWORD = "has_password", _("account signs in with a password")
    NOT_JOINED = "not_joined", _("account has no password yet and was never signed in to")
    HAS_ADDRESS = "has_address", _("account has an address")
    VERIFIED_ADDRESS = "verified_address", _("address is verified")
    UNDISPUTED = "undisputed", _("nobody says that its address was changed by somebody else")
    COOLDOWN = "cooldown", _("no link was issued moments ago")
    ACCOUNT_LIMIT = "account_limit", _("account is below its hourly cap of links")
