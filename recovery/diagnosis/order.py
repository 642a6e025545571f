"""Which cause leads where several are found: the first of this list, each with why it stands before what follows.

One line for all pairs: what must be mended first leads, then what ended for good, then what only has to be waited for.
"""

from collections.abc import Mapping
from typing import Final

from recovery.reasons import Cause

ORDER: Final[Mapping[Cause, str]] = {
    Cause.FORMER_ADDRESS: "a mail of ours proves whose it was; a likeness only suggests it",
    Cause.NEAR_MISS: "a likely account helps the caller more than that none was found",
    Cause.UNKNOWN_ACCOUNT: "without an account there is nothing else to look at",
    Cause.LOCKED_BY_STAFF: "somebody decided it, and no link or new password ends it",
    Cause.INACTIVE_ACCOUNT: "an inactive account is never mailed, and its links are dead, whatever else is mended",
    Cause.DISPUTED_ADDRESS: "a link may go to a thief; nothing is sent before somebody has asked whose account it is",
    Cause.CORRECTION_PENDING: "until it is decided, links go to the old address, and a second proposal is refused",
    Cause.NOT_ACTIVATED: "there is no password to forget: a reset is refused until the activation was sent",
    Cause.NO_PASSWORD: "a link for a password would help nobody who signs in elsewhere",
    Cause.ALREADY_JOINED: "the wrong kind of link was asked for; its mail does not exist",
    Cause.NO_ADDRESS: "without an address there is no mail that could fail",
    Cause.UNVERIFIED_ADDRESS: "nothing is sent to an unverified address, so nothing after it happened",
    Cause.BACKUP_FAILED: "both ways are shut; the newer failure includes the older",
    Cause.SENT_TO_BACKUP: "a link that works lies in another mailbox; the failure before it is answered",
    Cause.ADDRESS_MISTYPED: "it explains why the mail came back or was never seen, and says what the address should be",
    Cause.ON_PROVIDERS_LIST: "the provider says why it refused; nothing leaves before its list is lifted",
    Cause.ADDRESS_DEAD: "a dead address explains the suppression that follows from it, and only a new one helps",
    Cause.RECIPIENT_REFUSED: "the refusal came first; a suppression or a case follows from it",
    Cause.COMPLAINED: "a person decided it; the suppression is its consequence",
    Cause.MAILBOX_FULL: "the server names what is to be done; nobody has to guess",
    Cause.POLICY_REFUSED: "the address is good and the next mail is refused, too, until their IT acts",
    Cause.BOUNCED_FOR_NOW: "it came back, and may go through next time; what follows from it comes after",
    Cause.BOUNCED_UNCLEAR: "it came back; that is more than a list says",
    Cause.SUPPRESSED_BY_STAFF: "somebody decided it, which holds longer than what a bounce brought",
    Cause.SUPPRESSED: "mail to this address does not leave, whatever routes and level are",
    Cause.MAIL_REFUSED: "the same mail is refused at every try; somebody must change it",
    Cause.SET_ASIDE_AS_POISON: "it is not tried again by itself; whatever the reason is, somebody must act",
    Cause.LEVEL_NONE: "one switch holds all mail; mending a route changes nothing before",
    Cause.LEVEL_SYSTEM: "as above, of the site's other mail alone",
    Cause.SET_ASIDE_BY_STAFF: "somebody decided it for this mail; nothing else moves it",
    Cause.CANCELLED_BY_STAFF: "somebody ended this mail; only a new one helps",
    Cause.ADDRESS_CHANGED: "it says why the link died; that it is dead says less",
    Cause.CANCELLED_AS_DEAD: "the mail ended for its link; it was not merely late",
    Cause.MAIL_TOO_LATE: "this mail is over; why it was late matters for the next one",
    Cause.REQUEST_TOO_LATE: "this request is over; why it was late matters for the next one",
    Cause.AUDIENCE_GONE: "the settings explain the template's failure, and all mail of that door fails alike",
    Cause.RENDER_ERROR: "the mail cannot be made, so which way it takes does not matter yet",
    Cause.NO_ROUTE: "no worker and no provider helps a mail without a way",
    Cause.ROUTE_OFF: "one press mends it; failing ways beside it may stay as they are",
    Cause.PROVIDER_REFUSES_US: "it does not pass by itself, as an outage does",
    Cause.PROVIDER_DOWN: "the way out is known to fail; workers that come back would only try in vain",
    Cause.PROVIDER_BUSY: "the other side said when to come back; it passes by itself",
    Cause.WORKERS_SILENT: "what waits for a worker waits in vain; that it waits says less",
    Cause.ANSWER_LOST: "the mail may be there already: looking comes before asking anew",
    Cause.THROTTLED: "no mail came of this ask; links of before are told beside it",
    Cause.ACCOUNT_LIMIT: "no mail came of this ask; the newest mail of before is told beside it",
    Cause.COOLDOWN: "the mail of moments before is the one to look for; how far it is comes next",
    Cause.LOCKED: "right passwords are refused as well, the new one until a reset ends the lock; one press ends it now",
    Cause.LOCKED_DEVICE: "only one browser is concerned, so the lock of all others leads",
    Cause.LINK_USED: "the person is at a dead link at this moment; that it was used well comes after",
    Cause.COMPLETED: "the person is in; what was open before does not matter any more",
    Cause.OTHER_ACCOUNT: "the mail was read and a password was set, only for the other account",
    Cause.LINK_REPLACED: "a newer mail has the link that works; the dead one explains nothing further",
    Cause.LINK_REVOKED: "the link is dead by a decision, which no waiting changes",
    Cause.CREDENTIALS_CHANGED: "the link is dead by a change of the account; its age does not matter",
    Cause.LINK_EXPIRED: "the person came too late; what they saw before is history",
    Cause.PASSWORD_REFUSED: "it says why no password was set; that none was, says less",
    Cause.PASSWORD_ENDED: "the old password is gone, so the link is the only way; how far its mail is comes next",
    Cause.FORM_LEFT: "a person had the link before them: the mail arrived, whatever the provider says",
    Cause.SCANNER_OPENED: "something opened the link, so the mail got past the provider; more than a delivery says",
    Cause.DELIVERED_UNSEEN: "the recipient's server has it; nothing on our side is left to look at",
    Cause.DELIVERED: "as above, of mail without a link, whose reading leaves no trace",
    Cause.DELAYED: "their server was asked and takes its time, which is more than silence",
    Cause.NO_NEWS: "reports do not come; before that was overdue, nothing was wrong",
    Cause.NO_REPORTS: "this way never reports, so no waiting tells more",
    Cause.NO_NEWS_YET: "it left; that is further than any queue",
    Cause.BEING_SENT: "a worker has it; that is further than waiting",
    Cause.QUEUED: "the mail is there; that is further than the request",
    Cause.NOT_DECIDED: "an ask is under way; a case of before comes after it",
    Cause.CASE_OPEN: "support knows of the person, which is more than nothing",
    Cause.ADDRESS_DOUBTFUL: "a likeness proves nothing: whatever is on record leads, also that all is on its way",
    Cause.TOO_LONG_AGO: "that it was asked for is more than nothing, though no more is kept of it",
    Cause.NEVER_ASKED: "said only where nothing else is known",
}
_RANKS: Final = {cause: place for place, cause in enumerate(ORDER)}


def rank(cause: Cause) -> int:
    """The lower leads."""
    return _RANKS[cause]
