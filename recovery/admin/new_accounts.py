"""The site's own form for a new account, with a link to choose a password instead of a password typed by staff."""

from typing import Any, Final

from django import forms
from django.contrib.admin.utils import flatten_fieldsets
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recovery import accounts
from recovery.admin.activating import ACTIVATION, ActivationMixin

TICK: Final = "recovery_activate"
PASSWORDS: Final = ("usable_password", "password1", "password2", "password")


class InvitingForm(forms.Form):
    """Beside the site's own form for a new account, whose checks of a password it leaves out: a link instead of one."""

    instance: Any
    recovery_activate = forms.BooleanField(
        label=gettext_lazy("Send a link to choose a password"),
        required=False,
        help_text=gettext_lazy(
            "The person chooses the password, and you never know it. Leave the password below empty: it is not used."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tick = self.fields[TICK].widget
        self.is_inviting = self.is_bound and tick.value_from_datadict(self.data, self.files, self.add_prefix(TICK))
        for name in self.fields.keys() & set(PASSWORDS) if self.is_inviting else ():
            self.fields[name].required = False

    def clean(self) -> Any:
        cleaned = super().clean()
        address = accounts.email_field()
        has_none = address in self.fields and address not in self.errors and not self.cleaned_data.get(address)
        if self.is_inviting and has_none:
            self.add_error(address, _("Type the address that the link goes to."))
        if self.is_inviting and self.cleaned_data.get("is_active", True) is False:
            self.add_error(TICK, _("An inactive person gets no mail. Make the account active, or send the link later."))
        return cleaned

    def validate_passwords(self, *args: Any, **kwargs: Any) -> None:
        if not self.is_inviting:
            super().validate_passwords(*args, **kwargs)  # type: ignore[misc]

    def validate_password_for_user(self, *args: Any, **kwargs: Any) -> None:
        if not self.is_inviting:
            super().validate_password_for_user(*args, **kwargs)  # type: ignore[misc]

    def set_password_and_save(self, user: Any, *args: Any, commit: bool = True, **kwargs: Any) -> Any:
        if not self.is_inviting:
            return super().set_password_and_save(user, *args, commit=commit, **kwargs)  # type: ignore[misc]
        user.set_unusable_password()
        if commit:
            user.save()
        return user


class NewAccountMixin(ActivationMixin):
    """For a UserAdmin: "Send a link to choose a password" on the form for a new account."""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The site's own; on the form for a new account the address, where it is missing, and the link before the
        password."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None or not self.has_activate_permission(request):
            return fieldsets
        address = accounts.email_field()
        added = [*([address] if address and address not in flatten_fieldsets(fieldsets) else []), TICK]
        before = next((name for name in PASSWORDS if name in flatten_fieldsets(fieldsets)), None)
        if before is None:
            return [*fieldsets, (None, {"fields": added})]
        return [(title, _with(options, added, before)) for title, options in fieldsets]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The site's own form, whichever that is, which does not know the link; then the link beside it."""
        fields = kwargs["fields"] if "fields" in kwargs else flatten_fieldsets(self.get_fieldsets(request, obj))
        if TICK not in (fields or ()):
            return super().get_form(request, obj, change=change, **kwargs)
        kwargs["fields"] = [field for field in fields if field != TICK]
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        return type(form)(form.__name__, (InvitingForm, form), {})

    def save_model(self, request: HttpRequest, obj: Any, form: forms.BaseForm, change: bool) -> None:
        """Whatever the site's own form makes of an empty password, nobody can sign in with it."""
        if isinstance(form, InvitingForm) and form.is_inviting:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Send the link when all of the new account is there: what ``MAY_ACT_ON`` asks, and its addresses."""
        super().save_related(request, form, formsets, change)
        if isinstance(form, InvitingForm) and form.is_inviting:
            self.send_links(request, [form.instance], ACTIVATION, _("account created in the admin"))


def _with(options: Any, added: list[str], before: str) -> dict[str, Any]:
    fields = list[Any]()
    for field in options["fields"]:
        if before in ([field] if isinstance(field, str) else field):
            fields += added
        fields.append(field)
    return {**options, "fields": fields}
