"""Links that staff send from the site's own user pages: "are you sure, and why?", the sending, and the answer.

For one person or many, whatever the link is for. Staff never see one. Which links there are, and by which right, stands
in ``users`` and ``activating``; what a link or a cap means is decided in ``resets``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recovery import accounts, resets
from recovery.accounts import Account
from recovery.admin import moments
from recovery.admin.acts import asking, lead_back, url_of
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer
from recovery.exceptions import NotAllowed
from recovery.models import ResetRequest

MOST_AT_ONCE: Final = 100
LIMITS: Final = {"address": gettext_lazy("name or address"), "account": gettext_lazy("account")}

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = object


@dataclass(frozen=True, kw_only=True)
class SentLink:
    """One kind of link: the name of its list action, which is that of its template with an s, its words, how it is
    sent, and why somebody gets none, where that is known beforehand."""

    action: str
    title: Callable[[int], str]
    on_its_way: Callable[[int], str]
    noted: Any
    send: Callable[[AbstractBaseUser, HttpRequest, str], ResetRequest]
    obstacle: Callable[[AbstractBaseUser], str]


class SentLinksMixin(_Admin):
    """For a UserAdmin: what pages and list actions that send links have in common."""

    link_actions: ClassVar[Sequence[str]] = ()

    def __init__(self, model: type[Any], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        if self.actions is not None:  # beside whatever the site's own class lists
            self.actions = [*self.actions, *(name for name in self.link_actions if name not in self.actions)]

    def link_page(self, request: HttpRequest, object_id: str, link: SentLink) -> HttpResponse:
        """Asks for the reason, then sends one link. GET only asks."""
        user = self.person(request, object_id)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            self.send_links(request, [user], link, form.cleaned_data["reason"])
            return lead_back(request, url_of(self, "change", quote(user.pk)))
        return self._ask(request, [user], link, form)

    def links_action(self, request: HttpRequest, queryset: "QuerySet[Any]", link: SentLink) -> HttpResponse | None:
        """The same for many people; the queryset holds only whom the actor reaches."""
        people = list(queryset[: MOST_AT_ONCE + 1])
        if len(people) > MOST_AT_ONCE:
            self.message_user(request, _("Choose %d people at most.") % MOST_AT_ONCE, messages.ERROR)
            return None
        if not people:
            raise Http404
        form = ReasonForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return self._ask(request, people, link, form)
        self.send_links(request, people, link, form.cleaned_data["reason"])
        return None

    def person(self, request: HttpRequest, object_id: str) -> Any:
        """Whose page it is; nobody out of the viewer's scope."""
        user = self.get_object(request, unquote(object_id))
        if user is None:
            raise Http404
        if not self.has_view_or_change_permission(request, user):
            raise PermissionDenied
        return user

    def send_links(self, request: HttpRequest, people: Sequence[AbstractBaseUser], link: SentLink, reason: str) -> None:
        """Send to each, and say what became of it; the first refusal ends it."""
        viewer, asked = Viewer.of(request), list[SafeString]()
        for user in people:
            try:
                sent = link.send(user, request, reason)
            except NotAllowed as refusal:
                missed = _("No link for %(name)s. %(why)s") % {"name": viewer.name(user), "why": refusal}
                self.message_user(request, missed, messages.ERROR)
                break
            self.log_change(request, user, link.noted % sent.shown_reference)
            reference = viewer.link_to_page("resetrequest", sent.pk, sent.shown_reference, self.admin_site.name)
            asked.append(format_html("{} ({})", viewer.name(user), reference))
        if asked:
            names = format_html_join(", ", "{}", ((one,) for one in asked))
            self.message_user(request, format_html("{} {}.", link.on_its_way(len(asked)), names), messages.SUCCESS)

    def _ask(
        self, request: HttpRequest, people: Sequence[AbstractBaseUser], link: SentLink, form: ReasonForm
    ) -> HttpResponse:
        viewer, is_action = Viewer.of(request), ACTION_CHECKBOX_NAME in request.POST
        held_up = resets.held_up(people)
        return asking(
            self,
            request,
            form,
            f"{link.action.removesuffix('s')}.html",
            title=link.title(len(people)),
            back_url=url_of(self, "changelist") if is_action else url_of(self, "change", quote(people[0].pk)),
            people=[_introduced(user, link, held_up, viewer) for user in people],
            is_passing=bool(held_up),
            action_name=link.action if is_action else "",
            checkbox_name=ACTION_CHECKBOX_NAME,
        )


def free_again(held: Mapping[str, datetime]) -> str | SafeString:
    """By which limits somebody is refused, and until when; "" where by none."""
    if not held:
        return ""
    each = format_html_join(
        ", ", "{} ({})", ((moments.clock(held[name]), label) for name, label in LIMITS.items() if name in held)
    )
    return format_html("{} {}", _("asked too often; free again at"), each)


def _introduced(
    user: AbstractBaseUser, link: SentLink, held_up: Mapping[str, Mapping[str, datetime]], viewer: Viewer
) -> dict[str, Any]:
    """Who it is, where mail goes, why none will go, and which limit of theirs does not count for staff."""
    account = accounts.of_user(user)
    address = account.reset_address
    return {
        "key": user.pk,
        "name": viewer.name(user),
        "address": viewer.address(address.text) if address else "",
        "obstacle": _obstacle(account, link),
        "free_again": free_again(held_up.get(account.key, {})),
    }


def _obstacle(account: Account, link: SentLink) -> str:
    address = account.reset_address
    if not account.user.is_active:
        return _("inactive: gets no mail")
    if own := link.obstacle(account.user):
        return own
    if address is None:
        return _("has no address: gets no mail")
    return "" if address.verified else _("address was never verified: gets no mail")
