"""Known devices of a person, forgotten by staff: a browser that was lost or lent is like any other from then on."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from recovery import devices
from recovery.admin.acts import asking, url_of
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = object

RIGHT: Final = "recovery.forget_devices"


class ForgettingMixin(_Admin):
    """For a UserAdmin: "Forget known devices" on the page of somebody who has any."""

    def has_forget_devices_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.has_perm(RIGHT))

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_forget_devices"
        view = self.admin_site.admin_view(self.forget_devices_view)
        return [path("<path:object_id>/forget-devices/", view, name=name), *super().get_urls()]

    def forget_devices_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Says what follows and asks for the reason, then forgets them. GET only asks."""
        if not self.has_forget_devices_permission(request):
            raise PermissionDenied
        user = self.get_object(request, unquote(object_id))
        if user is None:
            raise Http404
        if not self.has_view_or_change_permission(request, user):
            raise PermissionDenied
        form = ReasonForm(request.POST if request.method == "POST" else None)
        back = url_of(self, "change", quote(user.pk))
        if not form.is_valid():
            return asking(
                self,
                request,
                form,
                "act.html",
                title=_("Forget all known devices of this person?"),
                back_url=back,
                facts=[(_("Account"), Viewer.of(request).name(user))],
                consequences=[
                    _("No browser is known any more: the next sign-in in each is told to the person, and wrong"
                      " passwords in it count like a stranger's, so that a lock of the account holds there, too."),
                    _("Nobody is signed out by it. To end sessions, force a new password."),
                ],
                submit=_("Forget known devices"),
            )  # fmt: skip
        devices.forget(user, actor=actor_of(request), reason=form.cleaned_data["reason"])
        self.log_change(request, user, _("Forgot the known devices."))
        self.message_user(request, _("No device of this person is known any more."), messages.SUCCESS)
        return HttpResponseRedirect(back)

    def device_tools(self, request: HttpRequest, user: AbstractBaseUser) -> Iterable[dict[str, str]]:
        """The button, where it would do something."""
        if self.has_forget_devices_permission(request) and devices.has_known(user):
            yield {"url": url_of(self, "forget_devices", quote(user.pk)), "label": _("Forget known devices")}
