"""An address that staff edit on the site's own user pages: why, and what follows from it."""

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recovery import accounts, resets
from recovery.admin.correcting import proposed
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonField
from recovery.conf import conf
from recovery.exceptions import NotAllowed

WHY = "recovery_reason"
KEPT: Final = gettext_lazy(
    "The address stays: nobody takes one away alone. If it is wrong, propose the right one by “Correct address”."
)

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = object


class WhyForm(forms.Form):
    """Beside the site's own form of a person: a changed address needs a reason."""

    recovery_reason = ReasonField(label=gettext_lazy("Reason for a new email address"), required=False)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if accounts.email_field() in self.changed_data and not self.cleaned_data.get(WHY) and WHY not in self.errors:
            self.add_error(WHY, _("Write down why the email address changes."))
        return cleaned


class FrozenForm(forms.Form):
    """Beside the site's own form of a person: an address stays as it is for a while after a forced rotation."""

    instance: Any
    may_change_frozen = False

    def clean(self) -> dict[str, Any] | None:
        cleaned, address = super().clean(), accounts.email_field()
        is_changed = address in self.changed_data and self.instance.pk is not None
        if is_changed and not self.may_change_frozen and accounts.addresses_are_frozen(self.instance):
            self.add_error(
                address,
                _(
                    "A new password was forced for this person a short while ago, so the address stays as it is for"
                    " now. Ask somebody who may force passwords to change it."
                ),
            )
        return cleaned


class NewAddressMixin(_Admin):
    """For a UserAdmin: asks why an address changes, tells both addresses and ends open links. An address that is frozen
    is changed by those alone who may force a rotation."""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The site's own, with the reason below the address where the address may be edited."""
        fieldsets, address = super().get_fieldsets(request, obj), accounts.email_field()
        if obj is None or address in self.get_readonly_fields(request, obj):
            return fieldsets
        if not self.has_change_permission(request, obj):
            return fieldsets
        return [(title, _with_reason(options, address)) for title, options in fieldsets]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The site's own form, whichever that is, which does not know the reason; then the reason beside it."""
        fields = kwargs["fields"] if "fields" in kwargs else flatten_fieldsets(self.get_fieldsets(request, obj))
        if WHY not in (fields or ()):
            return super().get_form(request, obj, change=change, **kwargs)
        kwargs["fields"] = [field for field in fields if field != WHY]
        return _with(request, super().get_form(request, obj, change=change, **kwargs), WhyForm)

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Of a list whose addresses can be edited."""
        return _with(request, super().get_changelist_form(request, **kwargs))

    def save_model(self, request: HttpRequest, obj: Any, form: forms.BaseForm, change: bool) -> None:
        """Save. A changed address is proposed, and the row keeps the old one, unless the site lets one alone change it:
        then both addresses are told and open links end, in one commit. One is taken away only where one alone may
        change it, and by nobody from a colleague who may do more."""
        field = accounts.email_field()
        stored = type(obj)._default_manager.filter(pk=obj.pk).values_list(field, flat=True) if change and field else ()
        before = next(iter(stored), "")
        old, new = str(before or ""), str(getattr(obj, field) or "") if field else ""
        is_changed = change and bool(field) and old != new
        waits = is_changed and conf.ADDRESS_CORRECTION != "at_once"
        reason = form.cleaned_data.get(WHY) or _("edited in the admin")  # a list asks for none
        is_stored = is_changed and not waits and self._may_store(request, obj, reason)
        if is_changed and not is_stored:
            setattr(obj, field, before)
            form.changed_data.remove(field)  # Django's own history must not say that it was changed
        super().save_model(request, obj, form, change)
        if waits and new:
            proposed(self, request, obj, new, reason)
        elif waits:
            self.message_user(request, str(KEPT), messages.ERROR)
        elif is_stored:
            resets.address_changed(obj, old=old, new=new, actor=actor_of(request), reason=reason)

    def _may_store(self, request: HttpRequest, user: Any, reason: str) -> bool:
        stored = type(user)._default_manager.get(pk=user.pk)  # the rank that it has, not the one in this form
        try:
            resets.check_rank(actor_of(request), stored, reason=reason)
        except NotAllowed as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return False
        return True


def _with(request: HttpRequest, form: Any, *beside: type[forms.Form]) -> Any:
    """The site's own form, whichever that is, and what we ask beside it."""
    facts = {"may_change_frozen": request.user.has_perm("recovery.force_rotation")}
    return type(form)(form.__name__, (*beside, FrozenForm, form), facts)


def _with_reason(options: Any, address: str) -> dict[str, Any]:
    fields = list[Any]()
    for field in options["fields"]:
        fields.append(field)
        if address and address in ([field] if isinstance(field, str) else field):
            fields.append(WHY)
    return {**options, "fields": fields}
