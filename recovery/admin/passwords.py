"""A password that staff set on Django's own page: its owner hears of it, and what the old one had opened ends."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from recovery import accounts, resets
from recovery.admin.scope import actor_of
from recovery.conf import conf
from recovery.models import ResetRequest
from recovery.models.primary import atomic

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = object


class PasswordMixin(_Admin):
    """For a UserAdmin: nobody sets another's password here unless the site lets them (``STAFF_MAY_SET_PASSWORDS``);
    and the follow-up of one that was set. Who may do that otherwise is Django's rule."""

    @method_decorator(sensitive_post_parameters())  # an error before Django's own would print it
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Django's page; a changed password and its follow-up are one commit."""
        self._check_owner(request, unquote(id))
        page: Any = super()
        with atomic(ResetRequest), resets.followed_up():
            before = self.get_object(request, unquote(id)) if request.method == "POST" else None
            response: HttpResponse = page.user_change_password(request, id, form_url)
            after = None if before is None else accounts.by_key(accounts.key_of(before))
            if before is not None and after is not None and after.password != before.password:
                is_first = not accounts.has_password(before)
                resets.password_changed(after, actor=actor_of(request), is_first=is_first)
        return response

    def _check_owner(self, request: HttpRequest, object_id: str) -> None:
        user = None if conf.STAFF_MAY_SET_PASSWORDS else self.get_object(request, object_id)
        if user is not None and accounts.key_of(user) != accounts.key_of(actor_of(request)):
            refusal = _(
                "Nobody sets the password of another's account. On the person's page, choose “Send reset link” or"
                " “Force a new password”."
            )
            self.message_user(request, refusal, messages.ERROR)  # for the next page: Django's own 403 says nothing
            raise PermissionDenied(refusal)
