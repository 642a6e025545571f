"""Why the JSON API did not do what it was asked for. A code never changes its meaning; new ones may come."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Problem(TextChoices):
    """Why a call of the JSON API was refused."""

    MALFORMED = "malformed", _("body is no JSON object, or names a field twice")
    INVALID = "invalid", _("a field is missing, unknown, or holds what it may not")
    WRONG_CONTENT_TYPE = "wrong_content_type", _("body is not sent as application/json")
    TOO_LARGE = "too_large", _("body is larger than any call needs")
    WRONG_METHOD = "wrong_method", _("the URL does not know this method")
    NOT_FOUND = "not_found", _("there is no such URL, or nobody like that within reach")
    ORIGIN_REFUSED = "origin_refused", _("a page of another site sent it, and the site does not list that one")
    CSRF_FAILED = "csrf_failed", _("session without the token of the CSRF cookie")
    NOT_AUTHENTICATED = "not_authenticated", _("nobody is signed in")
    NOT_ALLOWED = "not_allowed", _("whoever is signed in lacks the right")
    TOO_MANY_ASKS = "too_many_asks", _("too many asks came from this place")
    STAFF_LIMIT = "staff_limit", _("this member of staff sent too many links")
    TOO_EARLY = "too_early", _("asked again before the wait was over")
    RESEND_REFUSED = "resend_refused", _("whoever asks again is not who asked, or asked too long ago")
    LINK_REFUSED = "link_refused", _("the link cannot be used; the member reason says why")
    PASSWORD_REFUSED = "password_refused", _("the password breaks the site's rules; the link still works")
    KEY_MALFORMED = "key_malformed", _("Idempotency-Key is not 16 to 128 visible characters")
    KEY_REUSED = "key_reused", _("Idempotency-Key was sent before with another body")
    KEY_IN_USE = "key_in_use", _("the first call with this Idempotency-Key is not done yet")
