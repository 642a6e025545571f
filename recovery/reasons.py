"""The closed vocabularies: every "why" and every state, one line of meaning each.

Code, columns, admin filters, metric labels and documentation use these words and no others. Nothing here
imports anything of this app; who may write which word is decided by the room that owns the row.
"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Kind(TextChoices):
    """Why a request exists."""

    FORGOT = "forgot", _("asked on the forgot page")
    ADMIN = "admin", _("sent by staff")


class Outcome(TextChoices):
    """What became of a request, or of one account of it."""

    RECEIVED = "received", _("received, not decided yet")
    SENT = "sent", _("a mail was queued")
    PARTLY_SENT = "partly_sent", _("mail for some of the accounts was queued")
    THROTTLED = "throttled", _("too many asks within the hour")
    NO_ACCOUNT = "no_account", _("no account has this name or address")
    INACTIVE = "inactive", _("the account is inactive; inactive accounts are never mailed")
    NO_PASSWORD = "no_password", _("the account signs in without a password of this site")
    UNVERIFIED_ADDRESS = "unverified_address", _("the address was never verified")
    NO_ADDRESS = "no_address", _("the account has no mail address")
    COOLDOWN = "cooldown", _("a link was issued moments ago and still stands")
    EXPIRED = "expired", _("not decided before it was too late to be of use")
    COMPLETED = "completed", _("a new password was set")


class EmailKind(TextChoices):
    """What a mail is for; also the name of its templates."""

    RESET = "reset", _("reset link")
    NO_PASSWORD = "no_password", _("sign in with another service")
    UNKNOWN_ACCOUNT = "unknown_account", _("no account with this address")
    PASSWORD_CHANGED = "password_changed", _("password was changed")
    ADDRESS_CHANGED = "address_changed", _("address was changed")


class EmailState(TextChoices):
    """Where a mail is. Ranked by STATE_RANK; a fold over events never goes down in rank."""

    QUEUED = "queued", _("waiting for a worker")
    SENDING = "sending", _("a worker holds it")
    DEFERRED = "deferred", _("waiting for the next try")
    UNKNOWN = "unknown", _("the provider's answer was ambiguous")
    HANDED_OVER = "handed_over", _("accepted by the provider")
    WITHHELD = "withheld", _("not sent on purpose")
    EXPIRED = "expired", _("too late to be of use, not sent")
    CANCELLED = "cancelled", _("its link was dead before it left")
    FAILED = "failed", _("refused for good")
    DELIVERED = "delivered", _("accepted by the recipient's server")
    BOUNCED = "bounced", _("returned by the recipient's server")


STATE_RANK: dict[str, int] = {
    EmailState.QUEUED: 0,
    EmailState.SENDING: 1,
    EmailState.UNKNOWN: 2,
    EmailState.HANDED_OVER: 3,
    EmailState.DEFERRED: 4,
    EmailState.WITHHELD: 5,
    EmailState.EXPIRED: 5,
    EmailState.CANCELLED: 5,
    EmailState.FAILED: 6,
    EmailState.DELIVERED: 7,
    EmailState.BOUNCED: 8,
}
"""Rank of a state once the provider has it: the highest word among all events wins, in whatever order they
came, so that a late bounce counts and a late "deferred" does not undo "delivered"."""


class EmailReason(TextChoices):
    """Why a mail was withheld, failed, expired or cancelled."""

    TOKEN_DEAD = "token_dead", _("its link is used, replaced or revoked")
    PAST_SEND_BY = "past_send_by", _("it would have come too late")
    ADDRESS_CHANGED = "address_changed", _("the account has another address now")
    INACTIVE = "inactive", _("the account is inactive now")
    PROVIDER_REFUSED_RECIPIENT = "provider_refused_recipient", _("the provider refused this recipient")
    PROVIDER_DOWN = "provider_down", _("the provider could not be reached or had an error")
    RENDER_ERROR = "render_error", _("the mail could not be rendered")
    POISON = "poison", _("set aside after too many tries")


class EventKind(TextChoices):
    """One thing that happened to a mail: ours first, then what providers report (anymail's words)."""

    QUEUED = "queued", _("queued")
    SENDING = "sending", _("claimed by a worker")
    HANDED_OVER = "handed_over", _("accepted by the provider")
    DEFERRED = "deferred", _("delayed, will be tried again")
    FAILED = "failed", _("refused for good")
    EXPIRED = "expired", _("too late, not sent")
    CANCELLED = "cancelled", _("cancelled before it left")
    WITHHELD = "withheld", _("withheld")
    UNKNOWN = "unknown", _("answer was ambiguous, or a word we do not know")
    SENT = "sent", _("sent on by the provider")
    DELIVERED = "delivered", _("delivered to the recipient's server")
    BOUNCED = "bounced", _("bounced")
    REJECTED = "rejected", _("not sent by the provider")
    COMPLAINED = "complained", _("reported as spam")
    UNSUBSCRIBED = "unsubscribed", _("unsubscribed at the provider")
    SUBSCRIBED = "subscribed", _("subscribed at the provider")
    AUTORESPONDED = "autoresponded", _("answered by an automatic reply")
    OPENED = "opened", _("opened, says the provider")
    CLICKED = "clicked", _("clicked, says the provider")


EVENT_STATE: dict[str, str] = {
    EventKind.SENT: EmailState.HANDED_OVER,
    EventKind.DEFERRED: EmailState.DEFERRED,
    EventKind.DELIVERED: EmailState.DELIVERED,
    EventKind.COMPLAINED: EmailState.DELIVERED,
    EventKind.OPENED: EmailState.DELIVERED,
    EventKind.CLICKED: EmailState.DELIVERED,
    EventKind.UNSUBSCRIBED: EmailState.DELIVERED,
    EventKind.BOUNCED: EmailState.BOUNCED,
    EventKind.REJECTED: EmailState.FAILED,
    EventKind.FAILED: EmailState.FAILED,
}
"""What a provider's event says of the mail's state; kinds that are absent say nothing of it."""


class TokenState(TextChoices):
    """Where a link is. Expiry by time is no state: a live token past ``expires_at`` is expired."""

    LIVE = "live", _("live")
    USED = "used", _("used for a new password")
    REPLACED = "replaced", _("replaced by a newer link")
    REVOKED = "revoked", _("revoked")
    EXPIRED = "expired", _("expired and purged")


class Refusal(TextChoices):
    """Why a link was refused. The person sees only expired, used, replaced, or one generic page."""

    MALFORMED = "malformed", _("not a link of ours")
    UNKNOWN = "unknown", _("no such link, or its secret is wrong")
    EXPIRED = "expired", _("too old")
    USED = "used", _("already used")
    REPLACED = "replaced", _("a newer link replaced it")
    REVOKED = "revoked", _("revoked")
    CREDENTIALS_CHANGED = "credentials_changed", _("password or address changed after it was issued")
    INACTIVE = "inactive", _("the account is inactive or gone")


SHOWN_REFUSALS = frozenset({Refusal.EXPIRED, Refusal.USED, Refusal.REPLACED})
"""What a person with the right link may be told; everything else is one page."""


class Verdict(TextChoices):
    """Who probably opened a link."""

    PERSON = "person", _("a person")
    PROBABLE_SCANNER = "probable_scanner", _("probably a mail scanner")


class Gate(TextChoices):
    """What is checked, in this order, before a link is issued for an account."""

    ACTIVE = "active", _("account is active")
    HAS_PASSWORD = "has_password", _("account signs in with a password")
    HAS_ADDRESS = "has_address", _("account has an address")
    VERIFIED_ADDRESS = "verified_address", _("address is verified")
    COOLDOWN = "cooldown", _("no link was issued moments ago")
    ACCOUNT_LIMIT = "account_limit", _("account is below its hourly cap of links")


class Action(TextChoices):
    """What the trail records."""

    REQUESTED = "reset.requested", _("recovery was asked for")
    DECIDED = "reset.decided", _("request was decided")
    LINK_OPENED = "link.opened", _("link was opened")
    PASSWORD_REFUSED = "password.refused", _("new password was refused by policy")
    LINK_REFUSED = "link.refused", _("new password came over a dead link")
    COMPLETED = "reset.completed", _("new password was set")
    LINK_REPLACED = "link.replaced", _("link was replaced by a newer one")
    LINK_REVOKED = "link.revoked", _("link was revoked")
    ADDRESS_CHANGED = "address.changed", _("address was changed by staff")
    STAFF_REFUSED = "staff.refused", _("staff act was refused")
    PURGED = "retention.purged", _("old rows were purged")
