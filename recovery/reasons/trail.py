"""What the trail records, how it came out, and what may be wrong with the trail itself."""

from collections.abc import Mapping
from typing import Final

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Action(TextChoices):
    """What the trail records."""

    REQUESTED = "reset.requested", _("recovery was asked for")
    DECIDED = "reset.decided", _("request was decided")
    LINK_OPENED = "link.opened", _("link was opened")
    PASSWORD_REFUSED = "password.refused", _("new password was refused by policy")
    LINK_REFUSED = "link.refused", _("new password came over a dead link")
    COMPLETED = "reset.completed", _("new password was set")
    PASSWORD_CHANGED = "password.changed", _("password was changed without a link")
    LINK_REPLACED = "link.replaced", _("link was replaced by a newer one")
    LINK_REVOKED = "link.revoked", _("link was revoked")
    ADDRESS_CHANGED = "address.changed", _("address was changed")
    ADDRESS_PROPOSED = "address.proposed", _("another address was proposed by staff")
    CORRECTION_ENDED = "address.correction_ended", _("what was proposed took effect, or ended without")
    ACCOUNT_ACTIVATED = "account.activated", _("account was made active by staff")
    STAFF_REFUSED = "staff.refused", _("staff act was refused")
    PURGED = "retention.purged", _("old rows were purged")
    EMAIL_RETRIED = "email.retried", _("mail was put back by staff")
    EMAIL_STOPPED = "email.cancelled", _("mail was cancelled by staff")
    EMAIL_SET_ASIDE = "email.set_aside", _("mail was set aside by staff")
    EMAIL_RELEASED = "email.released", _("mail was released by staff")
    ROUTE_SWITCHED_OFF = "route.switched_off", _("route was switched off by staff")
    ROUTE_SWITCHED_ON = "route.switched_on", _("route was switched on by staff")
    CIRCUIT_OPENED = "circuit.opened", _("route failed and is out of use")
    CIRCUIT_CLOSED = "circuit.closed", _("route works again")
    DOMAINS_CHECKED = "domains.checked", _("sending domains were looked up again by staff")
    TEST_MAIL_SENT = "test_mail.sent", _("test mail was sent")
    LEVEL_CHANGED = "level.changed", _("mail level was changed by staff")
    SUPPRESSED = "address.suppressed", _("address must not be mailed any more")
    SUPPRESSION_LIFTED = "address.released", _("address may be mailed again")
    BACKUP_ADDED = "backup.added", _("backup address was added")
    BACKUP_CONFIRMED = "backup.confirmed", _("backup address was confirmed")
    BACKUP_REMOVED = "backup.removed", _("backup address was removed")
    BACKUP_REFUSED = "backup.refused", _("change of a backup address was refused")
    BACKUP_MAILED = "backup.mailed", _("a fresh link went to the backup address")
    DEVICES_FORGOTTEN = "devices.forgotten", _("known devices were forgotten by staff")
    NOTICE_QUEUED = "notice.queued", _("owner is told of a security event")
    OBJECTION_OPENED = "objection.opened", _("link to say “this was not me” was opened")
    OBJECTION_REFUSED = "objection.refused", _("“this was not me” was refused")
    OBJECTED = "objection.confirmed", _("the person says that it was not them")
    CASE_OPENED = "case.opened", _("support case was opened")
    CASE_ASSIGNED = "case.assigned", _("support case was assigned")
    CASE_NOTED = "case.noted", _("note was added to a support case")
    CASE_TOLD_AGAIN = "case.told_again", _("news of a support case was put back by staff")
    CASE_CLOSED = "case.closed", _("support case was closed")
    PROVIDER_LIFT_ASKED = "address.release_asked", _("provider was asked to take an address off its list")
    PROVIDER_LIFTED = "address.release_tried", _("what the provider made of it")
    ROTATION_STARTED = "rotation.started", _("forced rotation was started")
    ACCESS_ENDED = "rotation.access_ended", _("password, sessions and tokens were ended")
    ROTATION_FAILED = "rotation.failed", _("access could not be ended")
    ROTATION_STOPPED = "rotation.stopped", _("what a forced rotation had not started was stopped")
    ROTATION_RENEWED = "rotation.renewed", _("fresh links of a forced rotation were asked for")
    REVOKED = "access.revoked", _("tokens that could not be ended at first have ended")
    REVOKING_GIVEN_UP = "access.revoking_given_up", _("tokens could not be ended, and are not tried any more")
    REVOKING_RETRIED = "access.revoking_retried", _("ending tokens is tried again for staff")
    ADDRESSES_FREED = "addresses.freed", _("addresses may change again")
    ADDRESS_REVEALED = "address.revealed", _("addresses of one row were revealed to staff")
    REPAIR_STARTED = "incident.repaired", _("fresh links for the people of an incident were asked for")
    REPAIR_STOPPED = "incident.repair_stopped", _("what a repair of an incident had not begun with was stopped")
    REPAIR_FAILED = "incident.repair_failed", _("a fresh link could not be asked for")
    EXPORTED = "list.exported", _("rows of a list were asked for as a file")
    EXPORT_ENDED = "list.export_ended", _("file of a list's rows ended")
    ERASED = "person.erased", _("data of a person was erased")
    PERSON_EXPORTED = "person.exported", _("everything held about a person was taken as a file")
    LIST_READ = "list.read", _("rows of a list were read over the JSON API")
    DIAGNOSED = "person.diagnosed", _("somebody looked up why a person cannot get in")
    LOCKED = "sign_in.locked", _("sign-in was locked")
    UNLOCKED = "sign_in.unlocked", _("lock of sign-in was lifted")
    TRAIL_EXPORTED = "trail.exported", _("trail was exported for auditors")
    TRAIL_PURGED = "trail.purged", _("oldest rows of the trail were purged")
    TRAIL_PROTECTED = "trail.protected", _("triggers of the trail were installed")
    TRAIL_UNPROTECTED = "trail.unprotected", _("triggers of the trail were removed")
    ACCESS_REFUSED = "access.refused", _("page or act was refused for want of a right")


class ActOutcome(TextChoices):
    """How an act came out."""

    DONE = "done", _("done")
    REFUSED = "refused", _("refused")
    FAILED = "failed", _("failed")


OUTCOMES: Final[Mapping[str, ActOutcome]] = {
    Action.PASSWORD_REFUSED: ActOutcome.REFUSED,
    Action.LINK_REFUSED: ActOutcome.REFUSED,
    Action.STAFF_REFUSED: ActOutcome.REFUSED,
    Action.BACKUP_REFUSED: ActOutcome.REFUSED,
    Action.OBJECTION_REFUSED: ActOutcome.REFUSED,
    Action.ACCESS_REFUSED: ActOutcome.REFUSED,
    Action.ROTATION_FAILED: ActOutcome.FAILED,
    Action.REPAIR_FAILED: ActOutcome.FAILED,
    Action.REVOKING_GIVEN_UP: ActOutcome.FAILED,
    Action.CIRCUIT_OPENED: ActOutcome.FAILED,
}
"""Of acts that say it by their name; an ask that a limit refused, and a link that was opened and is dead, say it in
their detail; all others are done."""


class Damage(TextChoices):
    """What is wrong with a row or a seal of the trail."""

    EDITED = "edited", _("it is not as it was sealed")
    DELETED = "deleted", _("it was sealed and is gone")
    INSERTED = "inserted", _("it is there and was never sealed")
    SWAPPED = "swapped", _("it has the content of another row")
    CUT = "cut", _("the end of the trail is gone, which an anchor knows")
    FORGED = "forged", _("it was not made with a key of this site, or is not what was anchored")
