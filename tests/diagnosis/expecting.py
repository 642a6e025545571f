"""Of each cause, in the case of its caller: how sure it is, and the rows that show it."""

from dataclasses import dataclass

from recovery.reasons import Cause, Confidence

RECORDED, REPORTED, OBSERVED = Confidence.RECORDED, Confidence.REPORTED, Confidence.OBSERVED
INFERRED, UNKNOWN = Confidence.INFERRED, Confidence.UNKNOWN


@dataclass(frozen=True)
class Expected:
    """``rows`` are the models of the evidence, in its order, "-" for what stands in no row."""

    confidence: Confidence
    rows: str


EXPECTED: dict[Cause, Expected] = {
    Cause.FORMER_ADDRESS: Expected(OBSERVED, "email"),
    Cause.NEAR_MISS: Expected(INFERRED, "user"),
    Cause.UNKNOWN_ACCOUNT: Expected(RECORDED, "decision"),
    Cause.LOCKED_BY_STAFF: Expected(OBSERVED, "lockout"),
    Cause.INACTIVE_ACCOUNT: Expected(RECORDED, "decision"),
    Cause.NOT_ACTIVATED: Expected(RECORDED, "decision"),
    Cause.NO_PASSWORD: Expected(RECORDED, "decision"),
    Cause.ALREADY_JOINED: Expected(RECORDED, "decision"),
    Cause.CORRECTION_PENDING: Expected(OBSERVED, "addresscorrection"),
    Cause.NO_ADDRESS: Expected(RECORDED, "decision"),
    Cause.UNVERIFIED_ADDRESS: Expected(RECORDED, "decision"),
    Cause.DISPUTED_ADDRESS: Expected(RECORDED, "decision"),
    Cause.BACKUP_FAILED: Expected(REPORTED, "email emailevent"),
    Cause.SENT_TO_BACKUP: Expected(RECORDED, "email email"),
    Cause.ADDRESS_MISTYPED: Expected(INFERRED, "email"),
    Cause.ADDRESS_DEAD: Expected(REPORTED, "emailevent bounce"),
    Cause.RECIPIENT_REFUSED: Expected(REPORTED, "emailevent"),
    Cause.ON_PROVIDERS_LIST: Expected(REPORTED, "emailevent"),
    Cause.SUPPRESSED: Expected(RECORDED, "suppression email"),
    Cause.COMPLAINED: Expected(REPORTED, "bounce"),
    Cause.SUPPRESSED_BY_STAFF: Expected(RECORDED, "suppression email"),
    Cause.MAILBOX_FULL: Expected(REPORTED, "emailevent bounce"),
    Cause.POLICY_REFUSED: Expected(REPORTED, "emailevent bounce"),
    Cause.BOUNCED_FOR_NOW: Expected(REPORTED, "emailevent bounce"),
    Cause.BOUNCED_UNCLEAR: Expected(REPORTED, "emailevent bounce"),
    Cause.MAIL_REFUSED: Expected(REPORTED, "emailevent email"),
    Cause.SET_ASIDE_AS_POISON: Expected(RECORDED, "emailevent"),
    Cause.LEVEL_NONE: Expected(RECORDED, "levelswitch email"),
    Cause.LEVEL_SYSTEM: Expected(RECORDED, "levelswitch email"),
    Cause.SET_ASIDE_BY_STAFF: Expected(RECORDED, "emailevent"),
    Cause.CANCELLED_BY_STAFF: Expected(RECORDED, "emailevent"),
    Cause.ADDRESS_CHANGED: Expected(RECORDED, "emailevent"),
    Cause.CANCELLED_AS_DEAD: Expected(RECORDED, "emailevent"),
    Cause.MAIL_TOO_LATE: Expected(RECORDED, "emailevent"),
    Cause.REQUEST_TOO_LATE: Expected(RECORDED, "resetrequest"),
    Cause.WORKERS_SILENT: Expected(OBSERVED, "resetrequest -"),
    Cause.AUDIENCE_GONE: Expected(OBSERVED, "email"),
    Cause.RENDER_ERROR: Expected(RECORDED, "emailevent email"),
    Cause.NO_ROUTE: Expected(OBSERVED, "email"),
    Cause.ROUTE_OFF: Expected(OBSERVED, "routestate"),
    Cause.PROVIDER_REFUSES_US: Expected(REPORTED, "emailevent email"),
    Cause.PROVIDER_DOWN: Expected(RECORDED, "emailevent email"),
    Cause.PROVIDER_BUSY: Expected(REPORTED, "emailevent email"),
    Cause.ANSWER_LOST: Expected(UNKNOWN, "emailevent email"),
    Cause.THROTTLED: Expected(RECORDED, "resetrequest"),
    Cause.ACCOUNT_LIMIT: Expected(RECORDED, "resetrequest"),
    Cause.COOLDOWN: Expected(RECORDED, "resetrequest resettoken"),
    Cause.LOCKED: Expected(OBSERVED, "lockout"),
    Cause.LOCKED_DEVICE: Expected(OBSERVED, "lockout"),
    Cause.LINK_USED: Expected(RECORDED, "auditevent resettoken"),
    Cause.COMPLETED: Expected(RECORDED, "resettoken"),
    Cause.OTHER_ACCOUNT: Expected(RECORDED, "resettoken"),
    Cause.LINK_REPLACED: Expected(RECORDED, "auditevent resettoken"),
    Cause.LINK_REVOKED: Expected(RECORDED, "resettoken"),
    Cause.CREDENTIALS_CHANGED: Expected(OBSERVED, "resettoken"),
    Cause.LINK_EXPIRED: Expected(RECORDED, "auditevent resettoken"),
    Cause.PASSWORD_REFUSED: Expected(RECORDED, "auditevent auditevent"),
    Cause.FORM_LEFT: Expected(RECORDED, "auditevent"),
    Cause.PASSWORD_ENDED: Expected(OBSERVED, "auditevent"),
    Cause.SCANNER_OPENED: Expected(INFERRED, "emailevent auditevent"),
    Cause.DELIVERED_UNSEEN: Expected(INFERRED, "emailevent"),
    Cause.DELIVERED: Expected(REPORTED, "emailevent"),
    Cause.DELAYED: Expected(REPORTED, "emailevent email"),
    Cause.NO_NEWS: Expected(INFERRED, "email -"),
    Cause.NO_REPORTS: Expected(UNKNOWN, "email"),
    Cause.NO_NEWS_YET: Expected(UNKNOWN, "email"),
    Cause.BEING_SENT: Expected(RECORDED, "email"),
    Cause.QUEUED: Expected(RECORDED, "email"),
    Cause.NOT_DECIDED: Expected(RECORDED, "resetrequest"),
    Cause.CASE_OPEN: Expected(OBSERVED, "supportcase"),
    Cause.ADDRESS_DOUBTFUL: Expected(INFERRED, "user"),
    Cause.TOO_LONG_AGO: Expected(RECORDED, "decision"),
    Cause.NEVER_ASKED: Expected(OBSERVED, ""),
}
