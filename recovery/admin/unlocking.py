"""Unlocking on the site's own user pages, for one and for many; and refusing somebody's sign-ins until staff say so."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recovery import accounts, lockouts, resets
from recovery.admin.acts import asking, lead_back, url_of
from recovery.admin.lockouts import MOST_AT_ONCE, RIGHT, ask_to_unlock, lift_each
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer
from recovery.exceptions import NotAllowed
from recovery.models import Lockout
from recovery.reasons import LockKind

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = object

ACTION: Final = "unlock_people"


class UnlockingMixin(_Admin):
    """For a UserAdmin: "Unlock" on the page of somebody whose sign-ins are refused and for many people, and "Lock
    sign-in"."""

    def has_unlock_permission(self, request: HttpRequest) -> bool:
        """Asked by the admin for the list action, too."""
        return bool(request.user.is_active and request.user.has_perm(RIGHT))

    def get_urls(self) -> list[URLPattern]:
        wrapped, name = self.admin_site.admin_view, f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path("<path:object_id>/unlock/", wrapped(self.unlock_view), name=f"{name}_unlock"),
            path("<path:object_id>/lock/", wrapped(self.lock_view), name=f"{name}_lock"),
            *super().get_urls(),
        ]

    def unlock_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Shows what refuses the person's sign-ins and asks for the reason, then lifts it. GET only asks."""
        user = self._locked_user(request, object_id)
        back, rows = url_of(self, "change", quote(user.pk)), list(lockouts.standing(user))
        if not rows:
            self.message_user(request, _("Nothing was done: nothing refuses this person's sign-ins."), messages.WARNING)
            return lead_back(request, back)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return ask_to_unlock(self, request, rows, form, back_url=back)
        if lift_each(self, request, rows, form.cleaned_data["reason"]):
            self.log_change(request, user, _("Unlocked."))
        return lead_back(request, back)

    @admin.action(description=gettext_lazy("Unlock"), permissions=["unlock"])
    def unlock_people(self, request: HttpRequest, queryset: "QuerySet[Any]") -> HttpResponse | None:
        """The same for many people; the queryset holds only whom the actor reaches."""
        people = {accounts.key_of(user): user for user in queryset[: MOST_AT_ONCE + 1]}
        if len(people) > MOST_AT_ONCE:
            self.message_user(request, _("Choose %d people at most.") % MOST_AT_ONCE, messages.ERROR)
            return None
        rows = list(Lockout.objects.filter(user_key__in=people).standing())
        if not rows:
            self.message_user(request, _("Nothing was done: nothing refuses their sign-ins."), messages.WARNING)
            return None
        form = ReasonForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            ticked = request.POST.getlist(ACTION_CHECKBOX_NAME)
            return ask_to_unlock(
                self, request, rows, form, back_url=url_of(self, "changelist"), action=ACTION, ticked=ticked
            )
        for row in lift_each(self, request, rows, form.cleaned_data["reason"]):
            self.log_change(request, people[row.user_key], _("Unlocked."))
        return None

    def lock_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Says what follows and asks for the reason, then refuses all sign-ins of the person. GET only asks."""
        user = self._locked_user(request, object_id)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        back = url_of(self, "change", quote(user.pk))
        if user.pk == request.user.pk:
            self.message_user(request, _("Nothing was done: you would shut yourself out."), messages.ERROR)
            return lead_back(request, back)
        if not form.is_valid():
            return asking(
                self,
                request,
                form,
                "act.html",
                title=_("Refuse all sign-ins of this person?"),
                back_url=back,
                facts=[(_("Account"), Viewer.of(request).name(user))],
                consequences=[
                    _("No password signs in to this account any more, on known devices neither, until staff lift it."),
                    _("Whoever is signed in stays signed in. To end that, too, force a new password."),
                    _("The person is told by mail."),
                ],
                submit=_("Lock sign-in"),
            )
        try:
            resets.check_rank(actor_of(request), user, reason=form.cleaned_data["reason"])
        except NotAllowed as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return lead_back(request, back)
        lockouts.lock(user, actor=actor_of(request), reason=form.cleaned_data["reason"])
        self.log_change(request, user, _("Locked sign-in."))
        self.message_user(
            request, _("Sign-ins of this person are refused until somebody unlocks it."), messages.SUCCESS
        )
        return lead_back(request, back)

    def lockout_tools(self, request: HttpRequest, user: AbstractBaseUser) -> Iterable[dict[str, str]]:
        """The buttons, where they would do something."""
        if not self.has_unlock_permission(request):
            return
        kinds = set(lockouts.standing(user).values_list("kind", flat=True))
        if kinds:
            yield {"url": url_of(self, "unlock", quote(user.pk)), "label": _("Unlock")}
        if LockKind.STAFF not in kinds and user.pk != request.user.pk:
            yield {"url": url_of(self, "lock", quote(user.pk)), "label": _("Lock sign-in")}

    def _locked_user(self, request: HttpRequest, object_id: str) -> Any:
        if not self.has_unlock_permission(request):
            raise PermissionDenied
        user = self.get_object(request, unquote(object_id))
        if user is None:
            raise Http404
        if not self.has_view_or_change_permission(request, user):
            raise PermissionDenied
        return user
