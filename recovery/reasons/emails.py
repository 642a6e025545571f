"""What a mail is for, where it is and why, and what is told of it."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class EmailKind(TextChoices):
    """What a mail is for; also the name of its templates, except for the site's other mail."""

    RESET = "reset", _("reset link")
    FORCED_RESET = "forced_reset", _("reset link after a forced rotation")
    ACTIVATION = "activation", _("link to choose the first password")
    NO_PASSWORD = "no_password", _("sign in with another service")
    UNKNOWN_ACCOUNT = "unknown_account", _("no account with this address")
    PASSWORD_CHANGED = "password_changed", _("password was changed")
    ADDRESS_CHANGED = "address_changed", _("address was changed")
    ADDRESS_PROPOSED = "address_proposed", _("staff want to change the address")
    BACKUP_CODE = "backup_code", _("code that proves a backup address")
    BACKUP_CHANGED = "backup_changed", _("backup address was added or removed")
    LOCKED = "locked", _("account was locked")
    NEW_DEVICE = "new_device", _("sign-in from a new device")
    SUSPICIOUS_SIGN_IN = "suspicious_sign_in", _("sign-in that the site found suspicious")
    ROTATION_FORCED = "rotation_forced", _("password was ended, and a new one is needed")
    SUPPORT_CASE = "support_case", _("support case, to the support team")
    ALARM = "alarm", _("alarm, to the operators")
    TEST = "test", _("test mail, asked for by staff or the doctor")
    SITE = "site", _("other mail of the site")


LINK_KINDS = frozenset({EmailKind.RESET, EmailKind.FORCED_RESET, EmailKind.ACTIVATION})
"""Mail with links to a password: it leaves only while one of them works, and its final failure is followed up."""


class EmailState(TextChoices):
    """Where a mail is. Ranked by STATE_RANK; a fold over events never goes down in rank."""

    QUEUED = "queued", _("waiting for a worker")
    SENDING = "sending", _("a worker holds it")
    DEFERRED = "deferred", _("waiting for the next try")
    UNKNOWN = "unknown", _("it may have left; the provider's answer was ambiguous")
    HANDED_OVER = "handed_over", _("accepted by the provider")
    WITHHELD = "withheld", _("not sent on purpose")
    EXPIRED = "expired", _("too late to be of use, not sent")
    CANCELLED = "cancelled", _("its link was dead, or staff stopped it")
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
    """Why a mail was withheld, failed, expired, cancelled, or is still waiting."""

    TOKEN_DEAD = "token_dead", _("its link is used, replaced or revoked")
    PAST_SEND_BY = "past_send_by", _("it would have come too late")
    ADDRESS_CHANGED = "address_changed", _("the account has another address now")
    INACTIVE = "inactive", _("the account is inactive now")
    PROVIDER_REFUSED_RECIPIENT = "provider_refused_recipient", _("the provider refused this recipient")
    PROVIDER_DOWN = "provider_down", _("the provider could not be reached or had an error")
    RENDER_ERROR = "render_error", _("the mail could not be rendered")
    POISON = "poison", _("set aside after too many tries")
    SUPPRESSED = "suppressed", _("the address must not be mailed now")
    LEVEL_NONE = "level_none", _("the level lets no mail out")
    LEVEL_SYSTEM = "level_system", _("the level lets only recovery and security mail out")
    PROVIDER_REFUSED_US = "provider_refused_us", _("the provider refuses our key, sender or quota")
    PROVIDER_REFUSED_MAIL = "provider_refused_mail", _("the provider refuses this mail as it is")
    PROVIDER_BUSY = "provider_busy", _("the other side asked to come back later")
    NO_CLEAR_ANSWER = "no_clear_answer", _("the provider's answer was lost or made no sense")
    WORKER_DIED = "worker_died", _("its worker died while it held the mail")
    SET_ASIDE = "set_aside", _("set aside by staff")
    STAFF = "staff", _("cancelled by staff")


class EventKind(TextChoices):
    """One thing that happened to a mail: ours first, then what providers report (anymail's words)."""

    HANDED_OVER = "handed_over", _("accepted by the provider")
    DEFERRED = "deferred", _("delayed, will be tried again")
    FAILED = "failed", _("refused for good")
    EXPIRED = "expired", _("too late, not sent")
    CANCELLED = "cancelled", _("cancelled before it left")
    WITHHELD = "withheld", _("withheld")
    UNKNOWN = "unknown", _("answer was ambiguous, or a word we do not know")
    FREED = "freed", _("its worker died; free for another")
    ASKED = "asked", _("asked the provider whether it has the mail")
    RETRIED = "retried", _("put back by staff")
    RELEASED = "released", _("released by staff")
    SET_ASIDE = "set_aside", _("set aside by staff")
    QUEUED = "queued", _("queued")
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
