"""Sending domains: whether mail is believed, what to publish, the text for a recipient's IT, and a test mail.

Shows rows alone: what the DNS says is looked up by a task, when beat or staff ask.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from recovery import accounts, allowing, doctor, domains
from recovery.admin import moments
from recovery.admin.acts import asking, page, url_of
from recovery.admin.columns import worded
from recovery.admin.readonly import NothingEdited, refuse_nul
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer
from recovery.conf import conf
from recovery.models import SendingDomain
from recovery.reasons import DomainPart, DomainReason, Judgement

MOODS: Final = {
    Judgement.OK: "good",
    Judgement.NOTICE: "open",
    Judgement.UNKNOWN: "open",
    Judgement.PROBLEM: "bad",
}


class TestMailForm(ReasonForm):
    """To whom: an address of the member of staff who asks, or one that the settings name for alarms. A mail to anybody
    else would be a mail to a stranger."""

    to = forms.ChoiceField(label=_("To"))
    audience = forms.ChoiceField(label=_("Audience"))
    field_order = ("to", "audience", "reason")

    def __init__(self, *args: Any, addresses: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = [(each, each) for each in addresses]  # type: ignore[attr-defined]
        names = ("default", *conf.AUDIENCES)
        self.fields["audience"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Line:
    """One finding as the page shows it."""

    part: Any
    word: Any
    subject: str
    advice: str
    record: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One audience by one route as the page shows it."""

    row: SendingDomain
    word: Any
    checked_at: Any
    is_asked_for: bool
    lines: list[Line]


class SendingDomainAdmin(NothingEdited):
    """One page in the place of a list: all senders of the settings stand on it."""

    class Media:
        css = {"all": ["recovery/admin.css"]}

    def get_urls(self) -> list[URLPattern]:
        wrapped = self.admin_site.admin_view
        return [
            path("", wrapped(require_safe(self.domains_view)), name="recovery_sendingdomain_changelist"),
            path("check/", wrapped(require_POST(self.check_view)), name="recovery_sendingdomain_check"),
            path("test-mail/", wrapped(self.test_mail_view), name="recovery_sendingdomain_test_mail"),
        ]

    def domains_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        refuse_nul(request)
        rows = list(SendingDomain.objects.order_by("audience", "id"))
        texts = [(audience, allowing.text_of(list(own))) for audience, own in groupby(rows, lambda row: row.audience)]
        return page(
            self,
            request,
            "domains.html",
            title=gettext("Sending domains"),
            shown=[_shown(row) for row in rows],
            texts=texts,
            recovery_tools=self._tools(request),
            is_installed=domains.is_installed(),
        )

    def check_view(self, request: HttpRequest) -> HttpResponse:
        """Has everything looked up again; the page shows it when a worker has done so."""
        self._check_may(request, "check_domains")
        domains.ask_again(actor=actor_of(request))
        said = gettext("The domains are being looked up. Load this page again in a few seconds.")
        self.message_user(request, said, messages.SUCCESS)
        return HttpResponseRedirect(url_of(self, "changelist"))

    def test_mail_view(self, request: HttpRequest) -> HttpResponse:
        """Asks for the reason, then sends. GET only asks."""
        self._check_may(request, "send_test_mail")
        back, addresses = url_of(self, "changelist"), _addresses(request)
        if not addresses:
            said = gettext("Your account has no address, and RECOVERY['ALARM_MAIL_TO'] names none.")
            self.message_user(request, said, messages.WARNING)
            return HttpResponseRedirect(back)
        form = TestMailForm(request.POST if request.method == "POST" else None, addresses=addresses)
        if form.is_valid():
            wanted = form.cleaned_data
            email = doctor.send(
                wanted["to"], audience=wanted["audience"], actor=actor_of(request), reason=wanted["reason"]
            )
            self.message_user(request, gettext("The test mail is on its way; its page follows it."), messages.SUCCESS)
            if not Viewer.of(request).may_view("email"):
                return HttpResponseRedirect(back)
            followed = reverse("admin:recovery_email_change", args=[email.pk], current_app=self.admin_site.name)
            return HttpResponseRedirect(followed)
        return asking(
            self,
            request,
            form,
            "test_mail.html",
            title=gettext("Send a test mail?"),
            back_url=back,
            submit=gettext("Send a test mail"),
        )

    def _check_may(self, request: HttpRequest, right: str) -> None:
        if not (self.has_view_permission(request) and request.user.has_perm(f"recovery.{right}")):
            raise PermissionDenied

    def _tools(self, request: HttpRequest) -> list[dict[str, Any]]:
        tools = []
        if request.user.has_perm("recovery.check_domains"):
            tools.append({"url": url_of(self, "check"), "label": gettext("Look up again"), "is_post": True})
        if request.user.has_perm("recovery.send_test_mail"):
            tools.append({"url": url_of(self, "test_mail"), "label": gettext("Send a test mail")})
        return tools


def _addresses(request: HttpRequest) -> list[str]:
    own = [address.text for address in accounts.of_user(actor_of(request)).addresses]
    return list(dict.fromkeys([*own, *conf.ALARM_MAIL_TO]))


def _shown(row: SendingDomain) -> Shown:
    return Shown(
        row=row,
        word=_word(row.judgement),
        checked_at=moments.shown(row.checked_at),
        is_asked_for=bool(row.asked_at and row.asked_at > row.checked_at),
        lines=list(_lines(row.findings)),
    )


def _lines(findings: Iterable[dict[str, str]]) -> Iterable[Line]:
    """Words of a row that an older version wrote stand as they are."""
    for found in findings:
        reason, part = found["reason"], found["part"]
        label = DomainReason(reason).label if reason in DomainReason.values else reason
        record = f"{found['name']}  {found['kind']}  {found['record']}" if found["record"] else ""
        yield Line(
            part=DomainPart(part).label if part in DomainPart.values else part,
            word=_word(found["judgement"], str(label)),
            subject=found["subject"],
            advice=domains.advice(reason, record=record, part=found["detail"] or found["subject"]),
            record=record,
        )


def _word(judgement: str, said: str = "") -> Any:
    word = Judgement(judgement) if judgement in Judgement.values else Judgement.UNKNOWN
    return worded(MOODS[word], word.value, said or str(word.label))
