"""The closed vocabularies: every "why" and every state, one line of meaning each.

Code, columns, admin filters, metric labels and documentation use these words and no others. Nothing here
imports anything of this app; who may write which word is decided by the room that owns the row.
"""

from collections.abc import Mapping

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
    LEVEL_BLOCKED = "level_blocked", _("the mail level lets no mail out")
    ESCALATED = "escalated", _("no mail reached the person; support has a case")


class EmailKind(TextChoices):
    """What a mail is for; also the name of its templates, except for the site's other mail."""

    RESET = "reset", _("reset link")
    NO_PASSWORD = "no_password", _("sign in with another service")
    UNKNOWN_ACCOUNT = "unknown_account", _("no account with this address")
    PASSWORD_CHANGED = "password_changed", _("password was changed")
    ADDRESS_CHANGED = "address_changed", _("address was changed")
    BACKUP_CODE = "backup_code", _("code that proves a backup address")
    BACKUP_CHANGED = "backup_changed", _("backup address was added or removed")
    SUPPORT_CASE = "support_case", _("support case, to the support team")
    SITE = "site", _("other mail of the site")


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


class BounceClass(TextChoices):
    """What a failure or complaint means for the address."""

    HARD = "hard", _("the address itself is dead")
    SOFT = "soft", _("it may work later")
    UNDETERMINED = "undetermined", _("it failed, and what came back does not say why")
    POLICY = "policy", _("refused for who we are or what we sent, not for the address")
    COMPLAINT = "complaint", _("the person reported it as spam")


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


class EmailVerb(TextChoices):
    """What moves a mail from one state to the next."""

    CLAIM = "claim", _("a worker takes it")
    HAND_OVER = "hand_over", _("the provider took it")
    DEFER = "defer", _("try again later")
    RETURN = "return", _("give it back untried")
    DOUBT = "doubt", _("the answer was ambiguous")
    REST = "rest", _("not tried again by itself")
    FREE = "free", _("its worker died")
    FAIL = "fail", _("end it: refused for good")
    WITHHOLD = "withhold", _("hold it back")
    EXPIRE = "expire", _("end it: too late")
    CANCEL = "cancel", _("end it: must not leave any more")
    RETRY = "retry", _("retry now")
    SET_ASIDE = "set_aside", _("set aside")
    RELEASE = "release", _("release")
    STOP = "stop", _("cancel")
    REPORT = "report", _("the provider reported")


_WAITING = frozenset({EmailState.QUEUED, EmailState.DEFERRED, EmailState.UNKNOWN})
_HELD = frozenset({EmailState.SENDING})

MOVES: Mapping[EmailVerb, tuple[frozenset[EmailState], EmailState | None]] = {
    EmailVerb.CLAIM: (_WAITING, EmailState.SENDING),
    # What a report brought meanwhile and ranks higher, stays.
    EmailVerb.HAND_OVER: (_HELD | {EmailState.UNKNOWN}, EmailState.HANDED_OVER),
    EmailVerb.DEFER: (_HELD, EmailState.DEFERRED),
    EmailVerb.RETURN: (_HELD, EmailState.DEFERRED),
    EmailVerb.DOUBT: (_HELD, EmailState.UNKNOWN),
    EmailVerb.REST: (_HELD, EmailState.UNKNOWN),
    EmailVerb.FREE: (_HELD, EmailState.UNKNOWN),
    EmailVerb.FAIL: (_HELD, EmailState.FAILED),
    EmailVerb.WITHHOLD: (_HELD, EmailState.WITHHELD),
    EmailVerb.EXPIRE: (_HELD | {EmailState.QUEUED, EmailState.DEFERRED}, EmailState.EXPIRED),
    EmailVerb.CANCEL: (_HELD, EmailState.CANCELLED),
    EmailVerb.RETRY: (frozenset({EmailState.DEFERRED, EmailState.UNKNOWN, EmailState.FAILED}), EmailState.QUEUED),
    EmailVerb.SET_ASIDE: (_WAITING, EmailState.WITHHELD),
    EmailVerb.RELEASE: (frozenset({EmailState.WITHHELD}), EmailState.QUEUED),
    EmailVerb.STOP: (_WAITING | {EmailState.WITHHELD}, EmailState.CANCELLED),
    EmailVerb.REPORT: (frozenset(EmailState), None),
}
"""From which states a verb leads, and where to. None: the highest word of all reports wins, see STATE_RANK."""

STAFF_VERBS = frozenset({EmailVerb.RETRY, EmailVerb.SET_ASIDE, EmailVerb.RELEASE, EmailVerb.STOP})
"""What staff may do with a mail."""


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


class Part(TextChoices):
    """What has a heartbeat."""

    BEAT = "beat", _("clock that starts the periodic tasks")
    SWEEP = "sweep", _("sweep that finds what was left lying")
    WORKER = "worker", _("worker")
    ROUTE = "route", _("way out for mail")
    QUEUE = "queue", _("mail that waits")
    WEBHOOK = "webhook", _("provider that reports back")


class Alarm(TextChoices):
    """What somebody must look at now."""

    CIRCUIT_OPEN = "circuit_open", _("a route failed and is not used for now")
    REFUSED_US = "refused_us", _("a provider refuses our key, sender or quota")
    NO_ROUTE = "no_route", _("no route is left; mail waits")
    TRANSLATION_BROKEN = "translation_broken", _("a translation broke; the mail left in the site's language")
    RENDER_ERROR = "render_error", _("a mail could not be rendered")
    POISON = "poison", _("a mail was set aside after too many tries")
    CASE_NOT_TOLD = "case_not_told", _("a support case could not be passed on")
    WEBHOOK_SILENT = "webhook_silent", _("a provider has mail of ours and says nothing of it")


class CaseReason(TextChoices):
    """Why a support case was opened."""

    BOUNCED_NO_BACKUP = "bounced_no_backup", _("the mail came back, and there is no backup address to try")
    BACKUP_BOUNCED = "backup_bounced", _("the mail to the backup address failed, too")
    UNDELIVERABLE = "undeliverable", _("the mail could not be sent in time, and there is no backup address to try")
    REPEATED_SOFT = "repeated_soft", _("the mailbox is full or busy, and there is no backup address to try")


class CaseEnd(TextChoices):
    """Why a support case was closed."""

    COMPLETED = "completed", _("the person set a new password")
    STAFF = "staff", _("closed by staff")


class CaseNews(TextChoices):
    """What the support team is told of a case."""

    OPENED = "opened", _("opened")
    CLOSED = "closed", _("closed")


class TellingState(TextChoices):
    """Where one piece of news of a case is, on its way to one target."""

    WAITING = "waiting", _("waiting for its next try")
    TOLD = "told", _("the target has it")
    GIVEN_UP = "given_up", _("refused, or tried for too long")


class BackupRefusal(TextChoices):
    """Why a backup address was not added, confirmed or removed."""

    WRONG_PASSWORD = "wrong_password", _("the password was wrong")
    TOO_OFTEN = "too_often", _("too many tries within the hour")
    TOO_MANY = "too_many", _("the account has as many as it may have")
    OWN_ADDRESS = "own_address", _("it is an address of the account itself")
    ALREADY_THERE = "already_there", _("it is a backup address of the account already")


class BackupState(TextChoices):
    """Where a backup address is."""

    UNCONFIRMED = "unconfirmed", _("its code was not typed yet")
    WAITING = "waiting", _("confirmed, not usable before its waiting time is over")
    USABLE = "usable", _("reset links may go there")


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
    EMAIL_RETRIED = "email.retried", _("mail was put back by staff")
    EMAIL_STOPPED = "email.cancelled", _("mail was cancelled by staff")
    EMAIL_SET_ASIDE = "email.set_aside", _("mail was set aside by staff")
    EMAIL_RELEASED = "email.released", _("mail was released by staff")
    ROUTE_SWITCHED_OFF = "route.switched_off", _("route was switched off by staff")
    ROUTE_SWITCHED_ON = "route.switched_on", _("route was switched on by staff")
    CIRCUIT_OPENED = "circuit.opened", _("route failed and is not used for now")
    CIRCUIT_CLOSED = "circuit.closed", _("route works again")
    LEVEL_CHANGED = "level.changed", _("mail level was changed by staff")
    SUPPRESSED = "address.suppressed", _("address must not be mailed any more")
    SUPPRESSION_LIFTED = "address.released", _("address may be mailed again")
    BACKUP_ADDED = "backup.added", _("backup address was added")
    BACKUP_CONFIRMED = "backup.confirmed", _("backup address was confirmed")
    BACKUP_REMOVED = "backup.removed", _("backup address was removed")
    BACKUP_REFUSED = "backup.refused", _("change of a backup address was refused")
    BACKUP_MAILED = "backup.mailed", _("a fresh link went to the backup address")
    CASE_OPENED = "case.opened", _("support case was opened")
    CASE_ASSIGNED = "case.assigned", _("support case was assigned")
    CASE_NOTED = "case.noted", _("note was added to a support case")
    CASE_CLOSED = "case.closed", _("support case was closed")
    PROVIDER_LIFT_ASKED = "address.release_asked", _("provider was asked to take an address off its list")
    PROVIDER_LIFTED = "address.release_tried", _("what the provider made of it")
