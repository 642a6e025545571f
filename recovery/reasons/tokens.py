"""Where a link is, why it was refused, and who probably opened it."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


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
    WRONG_CODE = "wrong_code", _("the code of its mail was wrong")
    TOO_OFTEN = "too_often", _("the code of its mail was tried too often")
    JOINED = "joined", _("the account to activate has a password or was signed in to by now")


SHOWN_REFUSALS = frozenset({Refusal.EXPIRED, Refusal.USED, Refusal.REPLACED})
"""What a person with the right link may be told; everything else is one page."""


class Verdict(TextChoices):
    """Who probably opened a link."""

    PERSON = "person", _("a person")
    PROBABLE_SCANNER = "probable_scanner", _("probably a mail scanner")
