"""One sentence or two for each cause, for an agent on the phone: what happened, and what to do next.

Names and moments are put in by whoever finds the cause. Words for the person themselves stand in templates.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from recovery.reasons import Cause

OVER: Final = _("What stood in the way then: %(why)s. It is out of the way by now; what is left to do: %(fix)s.")
OVER_FOR_ADDRESS: Final = _(
    "What stood in the way of mail to %(address)s then: %(why)s. It is out of the way by now; what is left to do: "
    "%(fix)s."
)
OVER_SINCE: Final = _(
    "What stood in the way of mail to %(address)s then: %(why)s. It has been out of the way since %(at)s; what is left "
    "to do: %(fix)s."
)
"""Of a cause of then that holds no more: what ``SENTENCES`` says is to be done has been done."""

SENTENCES: Final[Mapping[Cause, Any]] = {
    Cause.FORMER_ADDRESS: _(
        "No account has the address %(typed)s now; that of %(name)s had it before. Make sure whom you speak to, and "
        "send a new link: it goes to the address that the account has today."
    ),
    Cause.NEAR_MISS: _(
        "No account has %(typed)s, but that of %(name)s has nearly the same. Ask how the person spells it, and if that "
        "is their account, send a new link."
    ),
    Cause.UNKNOWN_ACCOUNT: _(
        "No account has the name or address %(typed)s, so no mail was sent. Ask the person for another address or "
        "their user name."
    ),
    Cause.LOCKED_BY_STAFF: _(
        "Staff locked this account on %(at)s, and a new password does not change that. Read why, and lift the lock if "
        "it is over."
    ),
    Cause.INACTIVE_ACCOUNT: _(
        "The account is not active, and inactive accounts are never mailed. If the person may come back, make it "
        "active and send a new link."
    ),
    Cause.NOT_ACTIVATED: _(
        "The account never had a password, and no link to choose one was sent. Send the activation link."
    ),
    Cause.NO_PASSWORD: _(
        "The account has no password here: the person signs in with another service. Tell them to use the sign-in that "
        "they always use."
    ),
    Cause.ALREADY_JOINED: _(
        "An activation link was asked for, but this account has a password already or was signed in to. Send a link "
        "for a new password instead."
    ),
    Cause.CORRECTION_PENDING: _(
        "On %(at)s staff proposed %(address)s as the right address. The account has its old one until %(until)s. "
        "Ask the person which one is right; then somebody other than who proposed it approves or refuses it."
    ),
    Cause.NO_ADDRESS: _(
        "The account has no mail address, so no link can be sent. Ask who it is, and enter the right address."
    ),
    Cause.UNVERIFIED_ADDRESS: _(
        "The address of the account was never verified, and links go to verified addresses alone. The person must "
        "verify it on the site, or somebody who may do so corrects it."
    ),
    Cause.DISPUTED_ADDRESS: _(
        "Somebody said that the address of this account was changed by somebody else, so the person's own asks bring "
        "no link. Find out whose account it is; a link that staff send is let through."
    ),
    Cause.BACKUP_FAILED: _(
        "The mail to the main address failed, and the one to the backup address %(address)s failed as well. Ask for an "
        "address that works, and correct it."
    ),
    Cause.SENT_TO_BACKUP: _(
        "The mail to the main address failed, so a fresh link went to the person's backup address on %(at)s. Ask them "
        "to look into that mailbox."
    ),
    Cause.ADDRESS_MISTYPED: _(
        "The address %(address)s looks mistyped: probably %(domain)s is meant. Ask the person, and correct the address."
    ),
    Cause.ADDRESS_DEAD: _(
        "The mail to %(address)s came back for good: there is no such mailbox. Ask for the right address and correct "
        "it; a new link can be sent then."
    ),
    Cause.RECIPIENT_REFUSED: _(
        "The mail server refused the recipient %(address)s for good. Ask for the right address and correct it."
    ),
    Cause.ON_PROVIDERS_LIST: _(
        "The mail provider has %(address)s on its own list and sends nothing there. Take it off that list, and send a "
        "new link."
    ),
    Cause.SUPPRESSED: _(
        "No mail was sent to %(address)s, because earlier mail to it came back. If the mailbox works again, lift the "
        "suppression and send a new link; else correct the address."
    ),
    Cause.COMPLAINED: _(
        "The person reported such mail to %(address)s as spam, so none is sent there. If they want it again, lift the "
        "suppression and send a new link."
    ),
    Cause.SUPPRESSED_BY_STAFF: _(
        "Staff stopped all mail to %(address)s. Read why, lift that if it is over, and send a new link."
    ),
    Cause.MAILBOX_FULL: _(
        "The mailbox %(address)s is full, so the mail came back. Ask the person to make room, and send a new link."
    ),
    Cause.POLICY_REFUSED: _(
        "The mail server of %(address)s refuses our mail by its rules; the address itself is good. Ask the recipient's "
        "IT to let it through, and send a new link then. What to write to them: %(text_for_it)s"
    ),
    Cause.BOUNCED_FOR_NOW: _(
        "The mail server of %(address)s gave up on the mail for a reason that may pass. Send a new link; if that "
        "comes back, too, ask for another address."
    ),
    Cause.BOUNCED_UNCLEAR: _(
        "The mail to %(address)s came back, and what came back does not say why. Make sure that the address is right, "
        "and send a new link."
    ),
    Cause.MAIL_REFUSED: _(
        "The mail provider refuses this mail as it is, for its size or content. Tell the operators: they see at the "
        "mail what the provider said."
    ),
    Cause.SET_ASIDE_AS_POISON: _(
        "The mail was given up after too many tries. Once the operators have mended what it stumbled over, put it "
        "back, or send a new link if it has become too late."
    ),
    Cause.LEVEL_NONE: _(
        "No mail left, because the mail level let none out. Somebody who may do so must raise the level; then release "
        "the mail or send a new link."
    ),
    Cause.LEVEL_SYSTEM: _(
        "This mail of the site was held back, because the mail level lets only recovery and security mail out. "
        "Somebody who may do so must raise the level; then the site sends it anew."
    ),
    Cause.SET_ASIDE_BY_STAFF: _("Staff set this mail aside on %(at)s. Read why, and release it if it may leave."),
    Cause.CANCELLED_BY_STAFF: _(
        "Staff cancelled this mail on %(at)s. Read why, and send a new link if the person is to get one."
    ),
    Cause.ADDRESS_CHANGED: _(
        "The account got another address before this mail had left, so it was not sent to the old one. Send a new link."
    ),
    Cause.CANCELLED_AS_DEAD: _(
        "The link of this mail was used, replaced or revoked before the mail left, so it was not sent. Send a new link."
    ),
    Cause.MAIL_TOO_LATE: _("The mail could not leave in time and was not sent any more. Send a new link."),
    Cause.REQUEST_TOO_LATE: _("The request lay there until it was too late to be of use. Send a new link."),
    Cause.WORKERS_SILENT: _(
        "Mail waits, because no worker gives a sign of life. Tell the operators that workers or their clock are down; "
        "what waits leaves by itself once they run."
    ),
    Cause.AUDIENCE_GONE: _(
        "The person asked at the door “%(audience)s”, which the settings do not have any more. Tell the operators; a "
        "new ask at another door works at once."
    ),
    Cause.RENDER_ERROR: _(
        "The mail cannot be written, because its template fails. Tell the operators; it leaves by itself once that is "
        "mended, until %(until)s."
    ),
    Cause.NO_ROUTE: _("The settings name no way out for this mail. Tell the operators; it waits until %(until)s."),
    Cause.ROUTE_OFF: _(
        "Staff switched off every way out that this mail could take. Somebody who may do so must switch %(route)s on; "
        "the mail waits until %(until)s."
    ),
    Cause.PROVIDER_REFUSES_US: _(
        "The mail provider of %(route)s refuses our key, sender or quota. Tell the operators; the mail waits until "
        "%(until)s and leaves by itself."
    ),
    Cause.PROVIDER_DOWN: _(
        "The mail provider of %(route)s cannot be reached. The mail is tried again by itself until %(until)s: wait, or "
        "have another way out switched on."
    ),
    Cause.PROVIDER_BUSY: _(
        "The other side asked us to come back later. The mail is tried again by itself until %(until)s: wait a little."
    ),
    Cause.ANSWER_LOST: _(
        "The provider's answer was lost, so nobody knows whether it has the mail. Ask the person to look into the "
        "mailbox; wait for a report, or send a new link."
    ),
    Cause.THROTTLED: _(
        "There were too many asks within the hour, so this one brought no mail. The person may ask again from %(free)s "
        "on; a link that you send leaves at once."
    ),
    Cause.ACCOUNT_LIMIT: _(
        "The account got as many links as it may within the hour; it is free again at %(free)s. Ask the person to use "
        "the newest mail, or send a link yourself: it leaves at once."
    ),
    Cause.COOLDOWN: _(
        "A link had been issued moments before, on %(at)s, and it still stands: no second mail was sent. Ask the "
        "person to look for that one, or send a new link."
    ),
    Cause.LOCKED: _(
        "Sign-in is refused after too many wrong passwords, until %(until)s; a new password over a link ends that, "
        "too. Lift the lock if the person knows the password."
    ),
    Cause.LOCKED_DEVICE: _(
        "Sign-in from a browser that the person used before is refused after too many wrong passwords, until "
        "%(until)s; other browsers are not. Lift the lock, or wait."
    ),
    Cause.LINK_USED: _(
        "A new password was set over this link on %(at)s, and the link was opened again after that. If the person does "
        "not know the new password, send a new link."
    ),
    Cause.COMPLETED: _(
        "The person set a new password on %(at)s. Nothing is to be done; if sign-in still fails, ask for the user name "
        "that they type."
    ),
    Cause.OTHER_ACCOUNT: _(
        "The mail had a link for each account of this address, and the one for %(name)s was used. Tell the person "
        "which account has the new password, or send a new link for this one."
    ),
    Cause.LINK_REPLACED: _(
        "This link was replaced by a newer one on %(at)s. Ask the person to use the newest mail, or send a new link."
    ),
    Cause.LINK_REVOKED: _("This link was revoked on %(at)s and does not work any more. Send a new link."),
    Cause.CREDENTIALS_CHANGED: _(
        "Password or address of the account changed after this link was issued, so it does not work any more. Send a "
        "new link."
    ),
    Cause.LINK_EXPIRED: _(
        "The person opened the link after it had expired on %(until)s. Send a new link, and tell them until when to "
        "use it."
    ),
    Cause.PASSWORD_REFUSED: _(
        "The person opened the link and chose a password that breaks the rules (%(codes)s). The link still works: read "
        "the rules to them."
    ),
    Cause.FORM_LEFT: _(
        "The person opened the link on %(at)s and set no password. Ask what they saw; the link works until %(until)s, "
        "and after that send a new one."
    ),
    Cause.PASSWORD_ENDED: _(
        "A new password was forced for this account, so the old one does not work. The person needs a link: ask them "
        "to look for the mail, or send a new one."
    ),
    Cause.SCANNER_OPENED: _(
        "The mail arrived at %(address)s, and probably only a mail scanner opened the link. Ask the person to look "
        "into spam and quarantine; if it is held there, write to their IT: %(text_for_it)s"
    ),
    Cause.DELIVERED_UNSEEN: _(
        "The mail was delivered to %(address)s on %(at)s, and nobody opened the link. Ask the person to look into the "
        "spam folder; if it is not there, write to their IT: %(text_for_it)s"
    ),
    Cause.DELIVERED: _(
        "The mail was delivered to %(address)s on %(at)s. It has no link of ours, so nobody knows whether it was read. "
        "Ask the person to look into the spam folder; if it is not there, write to their IT: %(text_for_it)s"
    ),
    Cause.DELAYED: _(
        "The mail server of %(address)s does not take the mail yet, and the provider keeps trying. Wait a little; if "
        "it takes long, ask for another address."
    ),
    Cause.NO_NEWS: _(
        "The mail was handed over %(ago)s ago, and the provider says nothing though it should have. Tell the operators "
        "that reports of %(esp)s do not come; meanwhile ask the person to look into the mailbox."
    ),
    Cause.NO_REPORTS: _(
        "The mail was handed over %(ago)s ago by a way that does not report what becomes of mail. Ask the person to "
        "look into the spam folder; if it is not there, write to their IT: %(text_for_it)s"
    ),
    Cause.NO_NEWS_YET: _(
        "The mail was handed over %(ago)s ago, and there is no word from the provider yet. Wait a little, and look "
        "again."
    ),
    Cause.BEING_SENT: _("A worker is sending the mail at this moment. Look again in a minute."),
    Cause.QUEUED: _("The mail has been waiting for a worker for %(ago)s. Wait a little, and look again."),
    Cause.NOT_DECIDED: _("The request came %(ago)s ago and waits for a worker. Wait a little, and look again."),
    Cause.CASE_OPEN: _(
        "A support case about this person is open since %(at)s. Read it, go on there, and close it when they are in."
    ),
    Cause.ADDRESS_DOUBTFUL: _(
        "The address %(address)s may be mistyped: %(domain)s is much like it. Ask the person, and correct the address "
        "if it is wrong."
    ),
    Cause.TOO_LONG_AGO: _(
        "It was asked for on %(at)s (%(outcome)s), and what became of it is not kept any more. If the person still "
        "needs a link, send a new one."
    ),
    Cause.NEVER_ASKED: _(
        "Nothing is known of an ask for this account, so no mail was sent. Send a link, or ask under which name or "
        "address the person asked."
    ),
}
