"""Django's ``PasswordResetForm`` by name, for code of the site that asks for a link itself: ``form.save(request=...)``.

It writes an ask down, as the forgot page does; who gets mail, and which, is decided by a worker.
"""

from typing import Any, Final

from django import forms
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from recovery import intake
from recovery.auth_views import REFUSED
from recovery.forms import EmailInput
from recovery.origin import Origin

DECIDED_BY_BASE_URL: Final = frozenset({"domain_override", "use_https"})
OVERRIDDEN: Final = {
    "send_mail": "mail is made from recovery/mail/reset.* and leaves by RECOVERY['ROUTES']",
    "get_users": "name a function of your own in RECOVERY['ACCOUNTS']",
}
"""Methods of Django's form that a site may have overridden, and what to do instead."""


class PasswordResetForm(forms.Form):
    """One address. Where the name of an account may be typed too, show the forgot page."""

    email = forms.EmailField(
        label=_("Email address"), max_length=254, widget=EmailInput(attrs={"autocomplete": "email"})
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in OVERRIDDEN.keys() & vars(cls).keys():
            raise ImproperlyConfigured(f"{name} of {cls.__name__} is never called: {OVERRIDDEN[name]}.")

    def save(self, *, request: HttpRequest | None = None, audience: str = "default", **options: Any) -> None:
        """Ask for a link. Commits on its own, so not within a transaction; tells nobody whether there is an account.

        ``domain_override`` and ``use_https`` are taken and change nothing: RECOVERY["BASE_URL"] alone says where links
        lead. Raises ImproperlyConfigured for Django's other options, with what to do instead.
        """
        for name in options.keys() - DECIDED_BY_BASE_URL:
            if name not in REFUSED:
                raise TypeError(f"save() got an unexpected keyword argument {name!r}")
            raise ImproperlyConfigured(f"{name} of save() means nothing here: {REFUSED[name]}.")
        origin = Origin.of(request) if request else Origin()
        intake.ask(self.cleaned_data["email"], origin=origin, audience=audience)
