"""Support cases: why they open and close, and what becomes of the news of them."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class CaseReason(TextChoices):
    """Why a support case was opened."""

    BOUNCED_NO_BACKUP = "bounced_no_backup", _("the mail came back, and there is no backup address to try")
    BACKUP_BOUNCED = "backup_bounced", _("the mail to the backup address failed, too")
    UNDELIVERABLE = "undeliverable", _("the mail could not be sent, and there is no backup address to try")
    REPEATED_SOFT = "repeated_soft", _("the mailbox is full or busy, and there is no backup address to try")
    COMPROMISED = "compromised", _("somebody else may have been in the account; a new password was forced")
    STAFF = "staff", _("opened by staff")


class CaseEnd(TextChoices):
    """Why a support case was closed."""

    COMPLETED = "completed", _("the person set a new password")
    ROTATED = "rotated", _("everybody of the forced rotation is in again")
    STAFF = "staff", _("closed by staff")
    SUPERSEDED = "superseded", _("a later failure has a case of its own")
    ERASED = "erased", _("data of the person was erased")


class CaseNews(TextChoices):
    """What the support team is told of a case."""

    OPENED = "opened", _("opened")
    CLOSED = "closed", _("closed")


class TellingState(TextChoices):
    """Where one piece of news of a case is, on its way to one target."""

    WAITING = "waiting", _("waiting for its next try")
    TOLD = "told", _("the target has it")
    GIVEN_UP = "given_up", _("refused, or tried for too long")
