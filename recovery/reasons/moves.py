"""What moves a mail from one state to the next, and which of that staff may do."""

from collections.abc import Mapping

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from recovery.reasons.emails import EmailState


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
