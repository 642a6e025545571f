"""An address corrected by staff who may do that and need not be able to edit the rest of a person's row."""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recovery import accounts, resets
from recovery.admin import moments
from recovery.admin.acts import asking, lead_back, url_of
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer
from recovery.conf import conf
from recovery.exceptions import NotAllowed
from recovery.models import AddressCorrection
from recovery.reasons import CorrectionState

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = object

RIGHT: Final = "recovery.correct_address"


class AddressForm(ReasonForm):
    """The right address, and why it is the right one."""

    address = forms.EmailField(
        label=gettext_lazy("Right address"), widget=forms.EmailInput(attrs={"size": 60, "autocomplete": "off"})
    )
    field_order = ("address", "reason")

    def __init__(self, *args: Any, user: AbstractBaseUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_address(self) -> str:
        """As the user model's own field takes it; no two accounts where the site lets none share an address."""
        name, address = accounts.email_field(), str(self.cleaned_data["address"])
        field: Any = self.user._meta.get_field(name)
        address = str(field.clean(address, self.user))
        if address == getattr(self.user, name):
            raise ValidationError(_("That is the address that the account has."))
        others = type(self.user)._default_manager.exclude(pk=self.user.pk)
        if field.unique and others.filter(**{f"{name}__iexact": address}).exists():
            raise ValidationError(_("Another account has this address."))
        return address


class CorrectingMixin(_Admin):
    """For a UserAdmin: "Correct address" on the person's page."""

    def has_correct_address_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.has_perm(RIGHT))

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_correct_address"
        view = self.admin_site.admin_view(self.correct_address_view)
        return [path("<path:object_id>/correct-address/", view, name=name), *super().get_urls()]

    def correct_address_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks for the address and the reason, then proposes it, or changes it where the site lets one alone do so. GET
        only asks."""
        if not self.has_correct_address_permission(request):
            raise PermissionDenied
        user = self.get_object(request, unquote(object_id))
        if user is None or not accounts.email_field():
            raise Http404
        if not self.has_view_or_change_permission(request, user):
            raise PermissionDenied
        form = AddressForm(request.POST if request.method == "POST" else None, user=user)
        back, viewer = url_of(self, "change", quote(user.pk)), Viewer.of(request)
        if not form.is_valid():
            return asking(
                self,
                request,
                form,
                "correct_address.html",
                title=_("Correct the address?"),
                back_url=back,
                facts=[
                    (_("Account"), viewer.name(user)),
                    (_("Address"), viewer.address(str(getattr(user, accounts.email_field()) or "")) or "–"),
                ],
                consequences=list(consequences()),
                submit=_("Correct address"),
            )
        self._correct(request, user, form)
        return lead_back(request, back)

    def correcting_tools(self, request: HttpRequest, user: AbstractBaseUser) -> Iterable[dict[str, str]]:
        """The button, where the account can have an address."""
        if self.has_correct_address_permission(request) and accounts.email_field():
            yield {"url": url_of(self, "correct_address", quote(user.pk)), "label": _("Correct address")}

    def _correct(self, request: HttpRequest, user: Any, form: AddressForm) -> None:
        row = proposed(self, request, user, form.cleaned_data["address"], form.cleaned_data["reason"])
        if row is not None:
            is_done = row.state == CorrectionState.DONE
            self.log_change(request, user, _("Corrected the address.") if is_done else _("Proposed another address."))


def proposed(
    pages: "admin.ModelAdmin[Any]", request: HttpRequest, user: Any, address: str, reason: str
) -> AddressCorrection | None:
    """Correct the address, or propose it, and say what became of that; None where nothing did."""
    try:
        row = resets.correct_address(user, address, actor=actor_of(request), reason=reason)
    except NotAllowed as refusal:
        pages.message_user(request, str(refusal), messages.ERROR)
        return None
    if row.state == CorrectionState.DONE:
        said = _("The address is corrected, and a fresh link goes to it.")
    elif row.effective_at:
        said = _("The address is proposed. It takes effect after a wait, unless the old one objects.")
    else:
        said = _("The address is proposed. It takes effect when somebody else on the staff approves it.")
    pages.message_user(request, said, messages.SUCCESS)
    return row


def consequences() -> Iterable[str]:
    """What follows from a correction, as ``ADDRESS_CORRECTION`` says."""
    mode = conf.ADDRESS_CORRECTION
    if mode == "at_once":
        yield _(
            "Mail of this account goes to the new address from now on, and a fresh link goes there. Open links end."
        )
        yield _("The old and the new address are told, and neither sees the other.")
        return
    if isinstance(mode, timedelta):
        span = moments.length(mode.total_seconds())
        yield _("The account keeps its address for %(span)s. Then it has the new one.") % {"span": span}
    else:
        yield _("The account keeps its address until somebody else on the staff approves the new one.")
    yield _("The old address is told at once and may object. Nothing goes to the new one before it counts; then a fresh"
            " link does, and open links end.")  # fmt: skip
