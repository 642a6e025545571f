"""Forced rotations started on the site's own user pages: for one person by a button, for many by an action."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recovery import accounts, resets
from recovery.admin import moments
from recovery.admin.acts import asking, url_of
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm, TextField
from recovery.admin.viewers import Viewer
from recovery.conf import conf
from recovery.exceptions import NotAllowed
from recovery.models import Rotation

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = object

RIGHT: Final = "recovery.force_rotation"
ACTION: Final = "force_rotations"
MOST_NAMED: Final = 20


class ForceForm(ReasonForm):
    """Why, what is known, and that who asks for it knows that their own access would end."""

    evidence = TextField(
        label=gettext_lazy("What is known"),
        required=False,
        help_text=gettext_lazy("For the support case: where, when, how it was noticed. It is never mailed."),
    )
    includes_me = forms.BooleanField(
        label=gettext_lazy("I am one of them: my own password ends, and I am signed out"),
        error_messages={"required": gettext_lazy("Confirm that your own access ends, or leave yourself out.")},
    )
    counted = forms.IntegerField(required=False)  # not shown: the page states how many it asked for

    def __init__(self, *args: Any, count: int, includes_me: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.count = count
        if not includes_me:
            del self.fields["includes_me"]

    def clean(self) -> dict[str, Any]:
        """All rows of a list may be others by now than those that were counted when it was asked."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("counted") not in (None, self.count):
            self.add_error(None, _("The list has changed meanwhile. Look at the number, and confirm again."))
        return cleaned


class ForcingMixin(_Admin):
    """For a UserAdmin: "Force a new password" on a person's page and for many, and the end of a freeze."""

    def has_force_rotation_permission(self, request: HttpRequest) -> bool:
        """Asked by the admin for the list action, too."""
        return bool(request.user.is_active and request.user.has_perm(RIGHT))

    def get_urls(self) -> list[URLPattern]:
        wrapped, name = self.admin_site.admin_view, f"{self.opts.app_label}_{self.opts.model_name}"
        force, free = wrapped(self.force_rotation_view), wrapped(self.free_addresses_view)
        return [
            path("<path:object_id>/force-password/", force, name=f"{name}_force_password"),
            path("<path:object_id>/free-addresses/", free, name=f"{name}_free_addresses"),
            *super().get_urls(),
        ]

    def force_rotation_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Says what follows and asks for the reason, then starts it for one person. GET only asks."""
        user = self._forced_user(request, object_id)
        users = type(user)._default_manager.filter(pk=user.pk)
        form = self._force_form(request, users, request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._ask_to_force(request, users, form, [user])
        back = url_of(self, "change", quote(user.pk))
        return HttpResponseRedirect(self._force(request, users, form) or back)

    @admin.action(description=gettext_lazy("Force new passwords"), permissions=["force_rotation"])
    def force_rotations(self, request: HttpRequest, queryset: "QuerySet[Any]") -> HttpResponse | None:
        """The same for any number of people; the queryset holds only whom the actor reaches."""
        form = self._force_form(request, queryset, request.POST if "confirmed" in request.POST else None)
        if not form.count:
            raise Http404
        if not form.is_valid():
            return self._ask_to_force(request, queryset, form, list(queryset[:MOST_NAMED]))
        page = self._force(request, queryset, form)
        return HttpResponseRedirect(page) if page else None

    def free_addresses_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks for the reason, then lets the addresses of a person be changed again. GET only asks."""
        user = self._forced_user(request, object_id)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        back = url_of(self, "change", quote(user.pk))
        if not form.is_valid():
            return asking(
                self,
                request,
                form,
                "act.html",
                title=_("Let the addresses be changed again?"),
                back_url=back,
                facts=[(_("Account"), Viewer.of(request).name(user))],
                consequences=[_("Whoever is signed in as this person may lead its mail elsewhere from now on.")],
                submit=_("Let addresses be changed"),
            )
        if resets.free_addresses(user, actor=actor_of(request), reason=form.cleaned_data["reason"]):
            self.log_change(request, user, _("Let the addresses be changed again."))
            self.message_user(request, _("The addresses may be changed again."), messages.SUCCESS)
        else:
            self.message_user(request, _("Nothing was done: they may be changed already."), messages.WARNING)
        return HttpResponseRedirect(back)

    def forcing_tools(self, request: HttpRequest, user: AbstractBaseUser) -> Iterable[dict[str, str]]:
        """The buttons, where they would do something."""
        if self.has_force_rotation_permission(request):
            label = ngettext("Force a new password", "Force new passwords", 1)
            yield {"url": url_of(self, "force_password", quote(user.pk)), "label": label}
            if accounts.addresses_are_frozen(user):
                yield {"url": url_of(self, "free_addresses", quote(user.pk)), "label": _("Let addresses be changed")}

    def _forced_user(self, request: HttpRequest, object_id: str) -> AbstractBaseUser:
        if not self.has_force_rotation_permission(request):
            raise PermissionDenied
        user = self.get_object(request, unquote(object_id))
        if user is None:
            raise Http404
        if not self.has_view_or_change_permission(request, user):
            raise PermissionDenied
        return user  # type: ignore[no-any-return]

    def _force_form(self, request: HttpRequest, users: "QuerySet[Any]", data: Any) -> ForceForm:
        count, includes_me = users.count(), users.filter(pk=request.user.pk).exists()
        return ForceForm(data, count=count, includes_me=includes_me)

    def _force(self, request: HttpRequest, users: "QuerySet[Any]", form: ForceForm) -> str:
        """Start it, say what became of it, and where it can be watched, "" if the actor may not."""
        viewer, began = Viewer.of(request), timezone.now()
        given = {name: form.cleaned_data[name] for name in ("reason", "evidence")}
        try:
            rotation = resets.force_rotation(users, actor=actor_of(request), **given)
        except NotAllowed as refusal:
            self.message_user(request, _("Nothing was started. %s") % refusal, messages.ERROR)
            return ""
        if rotation.started_at < began:
            self.message_user(request, _("Nothing was done: this is being done already."), messages.WARNING)
        else:
            said = ngettext(
                "A new password is being forced for %(count)d person.",
                "New passwords are being forced for %(count)d people.",
                rotation.member_count,
            )
            self.message_user(request, said % {"count": rotation.member_count}, messages.SUCCESS)
            if left_out := form.count - rotation.member_count:
                told = ngettext(
                    "%(count)d person was left out: it is being done for them already.",
                    "%(count)d people were left out: it is being done for them already.",
                    left_out,
                )
                self.message_user(request, told % {"count": left_out}, messages.WARNING)
            for user in users if form.count == 1 else ():
                self.log_change(request, user, _("Forced a new password."))
        return self._page_of(rotation, viewer)

    def _page_of(self, rotation: Rotation, viewer: Viewer) -> str:
        if not viewer.may_view("rotation"):
            return ""
        try:
            return reverse("admin:recovery_rotation_change", args=[rotation.pk], current_app=self.admin_site.name)
        except NoReverseMatch:  # this admin site does not show our pages
            return ""

    def _ask_to_force(
        self, request: HttpRequest, users: "QuerySet[Any]", form: ForceForm, people: Sequence[AbstractBaseUser]
    ) -> HttpResponse:
        viewer, is_action = Viewer.of(request), ACTION_CHECKBOX_NAME in request.POST
        is_across = request.POST.get("select_across") == "1"
        title = ngettext("Force a new password?", "Force %(count)d new passwords?", form.count)
        named = [viewer.name(user) for user in people[:MOST_NAMED]]
        keys = [user.pk for user in people[:1]] if is_across else request.POST.getlist(ACTION_CHECKBOX_NAME)
        return asking(
            self,
            request,
            form,
            "force_rotation.html",
            title=title % {"count": form.count},
            back_url=url_of(self, "changelist") if is_action else url_of(self, "change", quote(people[0].pk)),
            consequences=list(_consequences(form.count)),
            named=named,
            more=form.count - len(named),
            submit=ngettext("Force a new password", "Force new passwords", form.count),
            action_name=ACTION if is_action else "",
            checkbox_name=ACTION_CHECKBOX_NAME,
            keys=keys if is_action else [],
            is_across=is_across,
        )


def _consequences(count: int) -> Iterable[str]:
    frozen = moments.length(conf.ADDRESS_FREEZE.total_seconds())
    yield _("The present password ends, every browser is signed out, API tokens and open links die. This has no undo.")
    yield _("A mail leaves with a link for a new password; inactive people get none. You do not see the link.")
    yield _("For %(span)s nobody changes where the account's mail goes.") % {"span": frozen}
    if count > 1:
        pace = _("They are worked on at a pace of %(pace)d a minute; what has not begun can be stopped.")
        yield pace % {"pace": conf.ROTATION_PACE}
    yield _("Support gets one case, with what you write here.")
