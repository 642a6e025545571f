"""The old password, asked before a new one is set: counted as a sign-in is; and what follows once it is. The page and
the rules for the new one are Django's."""

from typing import Any

from django.contrib.auth import views
from django.contrib.auth.forms import PasswordChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from recovery import accounts, devices, lockouts, resets
from recovery.exceptions import PasswordChangedMeanwhile, SignInRefused
from recovery.middleware import signed_in
from recovery.models import ResetRequest
from recovery.models.primary import atomic
from recovery.origin import Origin
from recovery.sign_in import Wait


class OldPasswordMixin:
    """For a form of Django's family (``PasswordChangeForm``, the admin's). Without ``request`` it counts on the
    account's counter alone, wherever the person sits."""

    request: HttpRequest | None = None
    user: Any
    cleaned_data: dict[str, Any]
    error_messages: Any
    proved = ""
    """The hash of the old password, once that was found right."""

    @sensitive_variables("old")
    def clean_old_password(self) -> str:
        old = str(self.cleaned_data["old_password"])
        origin = Origin.of(self.request) if self.request else Origin()
        device = devices.known(self.request, self.user.get_username())
        try:
            if lockouts.check_password(self.user, old, origin=origin, device=device):
                self.proved = self.user.password
                return old
        except SignInRefused as refused:
            raise Wait(refused.until).error from None
        raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")

    @sensitive_variables()
    def set_password_and_save(self, user: Any, *args: Any, commit: bool = True, **kwargs: Any) -> Any:
        """As Django's, but only over the password that was proved: one that was ended or reset while the new one was
        hashed stays so. Raises PasswordChangedMeanwhile then, with nothing written."""
        proved = self.proved or user.password
        super().set_password_and_save(user, *args, commit=False, **kwargs)  # type: ignore[misc]
        if commit and not accounts.replace_password(user, old_hash=proved, password=user._password):
            user.password, user._password = proved, None
            raise PasswordChangedMeanwhile
        if commit:
            user._password = None  # as after save(): validators have heard of it
        return user


class FollowUpValidator:
    """For ``AUTH_PASSWORD_VALIDATORS``: refuses nothing, and follows up each password that is changed by
    ``set_password`` and ``save``, on whichever page; ``resets.password_changed`` says what that is. Django has no
    signal for it and tells validators. What has no ``save`` (``update()``, a hash that is assigned) is not seen, and a
    page that knows where the person is had better call that function itself."""

    def validate(self, password: str, user: Any = None) -> None:
        """Every password passes."""

    def password_changed(self, password: str, user: Any = None) -> None:
        if user is not None and resets.is_news(user):
            resets.password_changed(user)

    def get_help_text(self) -> str:
        return _("When it has changed, every address of your account is told.")


class CountedPasswordChangeForm(OldPasswordMixin, PasswordChangeForm):
    """Django's, with the old password counted."""


class PasswordChangeView(views.PasswordChangeView):
    """Django's page, with the old password counted and the change followed up. A known device stays one: the old
    password was proved there."""

    form_class = CountedPasswordChangeForm

    def get_form(self, form_class: Any = None) -> Any:
        form: Any = super().get_form(form_class)
        form.request = self.request
        return form

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            with atomic(ResetRequest):
                with resets.followed_up():
                    response = super().form_valid(form)
                resets.password_changed(form.user, origin=Origin.of(self.request))
        except PasswordChangedMeanwhile:
            form.add_error("old_password", _("Your password was changed meanwhile, by a reset or another page."))
            return self.form_invalid(form)
        if devices.is_known(self.request, form.user):
            signed_in(self.request, form.user)
        return response
