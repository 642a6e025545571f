"""What staff do with one mail: retry, set aside, release, cancel. What a verb means is decided in ``outbox``."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.defaultfilters import capfirst
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recovery import outbox, routes
from recovery.admin.acts import asking, lead_back, url_of
from recovery.admin.readonly import ReadOnlyAdmin
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer
from recovery.models import Email
from recovery.reasons import LINK_KINDS, STAFF_VERBS, EmailKind, EmailState, EmailVerb

CONSEQUENCES = {
    EmailVerb.RETRY: gettext_lazy(
        "It goes back into the queue, and its tries are counted from the start. Right before it leaves it is checked "
        "again: whether it is still in time, its link alive and the address the same."
    ),
    EmailVerb.SET_ASIDE: gettext_lazy("It is held back until somebody releases or cancels it."),
    EmailVerb.RELEASE: gettext_lazy(
        "It goes into the queue. Right before it leaves it is checked again, by the mail level, too."
    ),
    EmailVerb.STOP: gettext_lazy("It is not sent any more. This cannot be undone."),
}
DONE = {
    EmailVerb.RETRY: gettext_lazy("It is in the queue again."),
    EmailVerb.SET_ASIDE: gettext_lazy("It is set aside."),
    EmailVerb.RELEASE: gettext_lazy("It is released and in the queue."),
    EmailVerb.STOP: gettext_lazy("It is cancelled."),
}


class SteeringMixin(ReadOnlyAdmin):
    """For the admin of emails: a button for each verb that leads somewhere, and the page that asks why."""

    def get_urls(self) -> list[URLPattern]:
        steer = self.admin_site.admin_view(self.steer_view)
        return [path("<uuid:key>/steer/<str:verb>/", steer, name="recovery_email_steer"), *super().get_urls()]

    def has_steer_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("recovery.steer_email"))

    def tools_of(self, request: HttpRequest, row: Email) -> list[dict[str, Any]]:
        if not self.has_steer_permission(request):
            return []
        verbs = outbox.verbs_for(row)
        return [{"url": url_of(self, "steer", row.pk, verb), "label": capfirst(str(verb.label))} for verb in verbs]

    def steer_view(self, request: HttpRequest, key: UUID, verb: str) -> HttpResponse:
        """Asks for the reason, then does it. GET only asks; a mail that moved on meanwhile is left alone."""
        if not (self.has_steer_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        email = self.get_object(request, str(key))
        if email is None or verb not in STAFF_VERBS:
            raise Http404
        wanted = EmailVerb(verb)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if wanted not in outbox.verbs_for(email):
            return self._moved_on(request, email)
        if not form.is_valid():
            return self._ask_why(request, email, wanted, form)
        if not outbox.steer(email, wanted, actor=actor_of(request), reason=form.cleaned_data["reason"]):
            return self._moved_on(request, email)
        self.message_user(request, str(DONE[wanted]), messages.SUCCESS)
        return lead_back(request, url_of(self, "change", email.pk))

    def _moved_on(self, request: HttpRequest, email: Email) -> HttpResponse:
        email.refresh_from_db()
        said = _("Nothing was done: the mail had moved on. It is %(state)s now: %(meaning)s.") % {
            "state": email.state.replace("_", " "),
            "meaning": email.get_state_display(),
        }
        self.message_user(request, said, messages.WARNING)
        return lead_back(request, url_of(self, "change", email.pk))

    def _ask_why(self, request: HttpRequest, email: Email, verb: EmailVerb, form: ReasonForm) -> HttpResponse:
        columns = self.columns_for(request)
        title = {
            EmailVerb.RETRY: _("Retry this mail now?"),
            EmailVerb.SET_ASIDE: _("Set this mail aside?"),
            EmailVerb.RELEASE: _("Release this mail?"),
            EmailVerb.STOP: _("Cancel this mail?"),
        }[verb]
        return asking(
            self,
            request,
            form,
            "steer.html",
            title=title,
            back_url=url_of(self, "change", email.pk),
            consequences=[CONSEQUENCES[verb], *_warnings(email, verb)],
            submit=capfirst(str(verb.label)),
            facts=[
                (_("Recipient"), Viewer.of(request).address(email.recipient)),
                (_("Kind"), columns.kind(email)),
                (_("State"), columns.state(email)),
                (_("Queued"), columns.queued_at(email)),
                (_("Send by"), columns.send_by(email)),
            ],
        )


def _warnings(email: Email, verb: EmailVerb) -> list[str]:
    """What staff should know of a mail that may be with the recipient already."""
    if email.state != EmailState.UNKNOWN and not email.doubt_count:
        return []
    if verb == EmailVerb.STOP:
        return [_("It may have left already; cancelling does not call it back.")]
    if verb == EmailVerb.SET_ASIDE:
        return [_("It may have left already.")]
    if routes.honours_key(email.route):
        return [
            _("It may have left already. It would go again under the same key, and this provider sends a key once.")
        ]
    return [_("It may have left already. It would go again under the same key, and may arrive twice.")]


def if_released(email: Email) -> str:
    """Whether a mail that is held back would still be of use if it left now, and if not, why."""
    if outbox.would_help(email):
        return _("would still help")
    if email.kind == EmailKind.SITE:
        return _("cannot be released: its text was not kept")
    if email.kind in LINK_KINDS and email.send_by > timezone.now():
        return _("would not help: its link is dead")
    return _("would not help: it is too late")
