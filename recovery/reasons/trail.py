"""What the trail records."""

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
    CIRCUIT_OPENED = "circuit.opened", _("route failed and is out of use")
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
    CASE_TOLD_AGAIN = "case.told_again", _("news of a support case was put back by staff")
    CASE_CLOSED = "case.closed", _("support case was closed")
    PROVIDER_LIFT_ASKED = "address.release_asked", _("provider was asked to take an address off its list")
    PROVIDER_LIFTED = "address.release_tried", _("what the provider made of it")
    EXPORTED = "list.exported", _("rows of a list were asked for as a file")
    EXPORT_ENDED = "list.export_ended", _("file of a list's rows ended")
