"""How an address that staff correct gets from a proposal to the account, or nowhere."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class CorrectionState(TextChoices):
    """Where a correction of an address by staff is."""

    PENDING = "pending", _("proposed; the account has its old address")
    DONE = "done", _("took effect; the account has the new address")
    REFUSED = "refused", _("refused or withdrawn by staff")
    OBJECTED = "objected", _("withdrawn, for the person says that it was not them")
    LAPSED = "lapsed", _("nobody decided in time, or who proposed it may not do so any more")
    OVERTAKEN = "overtaken", _("the address was changed in another way meanwhile, or is another account's by now")
    ROTATED = "rotated", _("withdrawn, for the account's access was ended meanwhile")
