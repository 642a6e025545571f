"""Why somebody cannot get in, how sure that is, and what mends it. Which cause leads is said in ``diagnosis``."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Cause(TextChoices):
    """Why a person did not get the mail, or does not get in."""

    # Who is meant, and whether the account can be recovered at all.
    FORMER_ADDRESS = "former_address", _("an account had this address before")
    NEAR_MISS = "near_miss", _("no account has it, but one has nearly the same")
    UNKNOWN_ACCOUNT = "unknown_account", _("no account has this name or address")
    LOCKED_BY_STAFF = "locked_by_staff", _("staff locked the account")
    INACTIVE_ACCOUNT = "inactive_account", _("the account is inactive, and inactive accounts are never mailed")
    NOT_ACTIVATED = "not_activated", _("the account never had a password, and nobody sent a link to choose one")
    NO_PASSWORD = "no_password", _("the account signs in elsewhere, without a password of this site")
    ALREADY_JOINED = "already_joined", _("an activation was asked for, and the account needs none")
    CORRECTION_PENDING = "correction_pending", _("staff proposed another address, and it is not decided on yet")
    NO_ADDRESS = "no_address", _("the account has no mail address")
    UNVERIFIED_ADDRESS = "unverified_address", _("the address was never verified")
    DISPUTED_ADDRESS = "disputed_address", _("whose address it is, is in question")
    # What failed for good.
    BACKUP_FAILED = "backup_failed", _("the mail to the backup address failed, too")
    SENT_TO_BACKUP = "sent_to_backup", _("a fresh link went to the backup address")
    ADDRESS_MISTYPED = "address_mistyped", _("the stored address looks mistyped")
    ADDRESS_DEAD = "address_dead", _("the mailbox or its domain does not exist")
    RECIPIENT_REFUSED = "recipient_refused", _("the provider refused this recipient")
    ON_PROVIDERS_LIST = "on_providers_list", _("the provider's own list stops mail to this address")
    SUPPRESSED = "suppressed", _("the address is suppressed, because mail to it came back")
    COMPLAINED = "complained", _("the person reported such mail as spam")
    SUPPRESSED_BY_STAFF = "suppressed_by_staff", _("staff stopped mail to this address")
    MAILBOX_FULL = "mailbox_full", _("the mailbox is full")
    POLICY_REFUSED = "policy_refused", _("the recipient's server refuses us or what we send")
    BOUNCED_FOR_NOW = "bounced_for_now", _("the recipient's server gave up on it; it may work later")
    BOUNCED_UNCLEAR = "bounced_unclear", _("the mail came back, and nobody says why")
    MAIL_REFUSED = "mail_refused", _("the provider refuses this mail as it is")
    SET_ASIDE_AS_POISON = "set_aside_as_poison", _("the mail was given up after too many tries")
    # What was held back or came too late.
    LEVEL_NONE = "level_none", _("the mail level lets no mail out")
    LEVEL_SYSTEM = "level_system", _("the mail level lets only recovery and security mail out")
    SET_ASIDE_BY_STAFF = "set_aside_by_staff", _("staff set the mail aside")
    CANCELLED_BY_STAFF = "cancelled_by_staff", _("staff cancelled the mail")
    ADDRESS_CHANGED = "address_changed", _("the account got another address before the mail left")
    CANCELLED_AS_DEAD = "cancelled_as_dead", _("the link died before its mail left")
    MAIL_TOO_LATE = "mail_too_late", _("the mail could not leave in time")
    REQUEST_TOO_LATE = "request_too_late", _("nobody decided the request in time")
    # What keeps mail waiting.
    WORKERS_SILENT = "workers_silent", _("no worker gives a sign of life, and mail waits")
    AUDIENCE_GONE = "audience_gone", _("the door that was asked at is not in the settings any more")
    RENDER_ERROR = "render_error", _("the mail cannot be rendered")
    NO_ROUTE = "no_route", _("the settings have no way out for this mail")
    ROUTE_OFF = "route_off", _("staff switched off every way out that this mail could take")
    PROVIDER_REFUSES_US = "provider_refuses_us", _("the provider refuses our key, sender or quota")
    PROVIDER_DOWN = "provider_down", _("the provider cannot be reached")
    PROVIDER_BUSY = "provider_busy", _("the other side asked to come back later")
    ANSWER_LOST = "answer_lost", _("whether the provider has the mail is not known")
    # What was asked for in vain.
    THROTTLED = "throttled", _("too many asks within the hour")
    ACCOUNT_LIMIT = "account_limit", _("the account got as many links as it may within the hour")
    COOLDOWN = "cooldown", _("a link was issued moments before, and still stands")
    # Who got in, or nearly.
    LOCKED = "locked", _("sign-in is locked after wrong passwords")
    LOCKED_DEVICE = "locked_device", _("sign-in from one known browser is locked after wrong passwords")
    LINK_USED = "link_used", _("the link was used before, and opened again")
    COMPLETED = "completed", _("a new password was set")
    OTHER_ACCOUNT = "other_account", _("the person set the password of another account of the same address")
    LINK_REPLACED = "link_replaced", _("a newer link replaced it")
    LINK_REVOKED = "link_revoked", _("the link was revoked")
    CREDENTIALS_CHANGED = "credentials_changed", _("password or address changed after the link was issued")
    LINK_EXPIRED = "link_expired", _("the link was opened too late")
    PASSWORD_REFUSED = "password_refused", _("the new password broke the rules")
    FORM_LEFT = "form_left", _("the person opened the link and set no password")
    PASSWORD_ENDED = "password_ended", _("a new password was forced")
    # What has no end yet.
    SCANNER_OPENED = "scanner_opened", _("probably only a mail scanner opened the link")
    DELIVERED_UNSEEN = "delivered_unseen", _("delivered, and never opened")
    DELIVERED = "delivered", _("a mail without a link was delivered")
    DELAYED = "delayed", _("the recipient's server takes its time")
    NO_NEWS = "no_news", _("the provider has the mail, and says nothing though it should have")
    NO_REPORTS = "no_reports", _("the way out does not report what becomes of mail")
    NO_NEWS_YET = "no_news_yet", _("handed over moments ago, no word yet")
    BEING_SENT = "being_sent", _("a worker is sending it at this moment")
    QUEUED = "queued", _("the mail waits for a worker")
    NOT_DECIDED = "not_decided", _("the request waits for a worker")
    CASE_OPEN = "case_open", _("support is working on it")
    ADDRESS_DOUBTFUL = "address_doubtful", _("the stored address may be mistyped")
    TOO_LONG_AGO = "too_long_ago", _("it was decided, and what became of it is not kept any more")
    NEVER_ASKED = "never_asked", _("nothing is known of an ask")


class Confidence(TextChoices):
    """How sure a cause is."""

    RECORDED = "recorded", _("our own rows say so, as they were written then")
    REPORTED = "reported", _("the provider or the recipient's server said so")
    OBSERVED = "observed", _("it is so at this moment")
    INFERRED = "inferred", _("nobody said so; it follows from what is there and what is missing")
    UNKNOWN = "unknown", _("nobody has said yet what became of it")


class Fix(TextChoices):
    """What mends it, and by whom."""

    SEND_NEW_LINK = "send_new_link", _("send a new link")
    RETRY_MAIL = "retry_mail", _("put the mail back")
    CANCEL_MAIL = "cancel_mail", _("cancel the mail")
    LIFT_SUPPRESSION = "lift_suppression", _("lift the suppression")
    LIFT_AT_PROVIDER = "lift_at_provider", _("take the address off the provider's list")
    UNLOCK = "unlock", _("lift the lock")
    CORRECT_ADDRESS = "correct_address", _("correct the address")
    DECIDE_CORRECTION = "decide_correction", _("approve or refuse the other address")
    ACTIVATE = "activate", _("send an activation link")
    REACTIVATE_ACCOUNT = "reactivate_account", _("make the account active")
    SWITCH_ROUTE = "switch_route", _("switch a route")
    RAISE_LEVEL = "raise_level", _("raise the mail level")
    OPEN_CASE = "open_case", _("open a support case")
    CLOSE_CASE = "close_case", _("close the support case")
    CHECK_SPELLING = "check_spelling", _("ask the person how they spell it")
    LOOK_IN_MAILBOX = "look_in_mailbox", _("the person looks for the mail that they have")
    VERIFY_ADDRESS = "verify_address", _("the person verifies the address on the site")
    USE_SINGLE_SIGN_ON = "use_single_sign_on", _("the person signs in as always")
    CHOOSE_BETTER_PASSWORD = "choose_better_password", _("the person chooses a password within the rules")
    ASK_RECIPIENTS_IT = "ask_recipients_it", _("ask the recipient's IT to let the mail through")
    FIX_CONFIGURATION = "fix_configuration", _("tell the operators of the site")
    WAIT = "wait", _("wait a little")
    NOTHING = "nothing", _("nothing is to be done")


IN_ORDER = frozenset({Cause.COMPLETED, Cause.NO_NEWS_YET, Cause.BEING_SENT, Cause.QUEUED, Cause.NOT_DECIDED})
"""Causes that are no trouble: it is done, or on its way."""
