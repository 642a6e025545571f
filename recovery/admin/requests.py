"""Requests for recovery: who asked, what was decided and why, and everything that followed."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from recovery import timelines
from recovery.admin import moments, ways
from recovery.admin.columns import Columns, meaning, worded
from recovery.admin.counted import CountedFilter
from recovery.admin.emails import AudienceFilter, state_of
from recovery.admin.exports import ExportMixin
from recovery.admin.finding import meant, of_accounts, referred_to, uuid_in
from recovery.admin.persons import PersonMixin
from recovery.admin.readonly import MOST_FOUND, AccountFilter, MomentFilter
from recovery.admin.revealing import RevealMixin
from recovery.admin.steps import rows_of
from recovery.admin.viewers import Viewer
from recovery.models import Decision, Email, ResetRequest, ResetToken
from recovery.models.requests import asked_as
from recovery.origin import describe_browser
from recovery.reasons import Gate, Kind, Outcome, TokenState

_GOOD = frozenset({Outcome.SENT, Outcome.PARTLY_SENT, Outcome.COMPLETED})


def accounts_of(request: ResetRequest) -> set[str]:
    """The account that staff asked for, and those that were decided on."""
    return {request.user_key, *(decision.user_key for decision in request.decisions.all())} - {""}


class ResetRequestColumns(Columns):
    """What a row of the list of requests shows, and more of it on its own page."""

    @admin.display(description=_("requested"), ordering="pk")
    def requested_at(self, row: ResetRequest) -> Any:
        return moments.shown(row.requested_at)

    @admin.display(description=_("reference"))
    def reference(self, row: ResetRequest) -> str:
        return row.shown_reference

    @admin.display(description=_("asked for"))
    def asked_for(self, row: ResetRequest) -> str:
        return self.viewer.address(row.identifier) or "–"

    @admin.display(description=_("outcome"))
    def outcome(self, row: ResetRequest) -> Any:
        return _word(row.outcome, meaning(Outcome, row.outcome))

    @admin.display(description=_("kind"))
    def kind(self, row: ResetRequest) -> str:
        return meaning(Kind, row.kind)

    @admin.display(description=_("account"))
    def account(self, row: ResetRequest) -> Any:
        return self.viewer.links_to(accounts_of(row), self.site_name)

    @admin.display(description=_("asked by"))
    def asked_by(self, row: ResetRequest) -> Any:
        return self.person(row.actor_key)

    @admin.display(description=_("reason given"))
    def reason(self, row: ResetRequest) -> str:
        return self.viewer.text(row.reason) or "–"

    @admin.display(description=_("client"))
    def client(self, row: ResetRequest) -> str:
        browser = describe_browser(row.user_agent) or row.user_agent
        place = row.ip if self.viewer.sees_addresses else ""
        return " · ".join(text for text in (browser, place) if text) or "–"

    @admin.display(description=_("decided"))
    def decided_at(self, row: ResetRequest) -> Any:
        return moments.shown(row.decided_at)

    @admin.display(description=_("completed"))
    def completed_at(self, row: ResetRequest) -> Any:
        return moments.shown(row.completed_at)


class ResetRequestAdmin(ExportMixin, RevealMixin, PersonMixin):
    """List and page of requests."""

    columns = ResetRequestColumns
    listed = ("requested_at", "outcome", "asked_for", "account", "reference", "asked_by")
    further = ("reason", "kind", "client", "decided_at", "completed_at")
    as_stored = ("audience", "language", "next_url", "attempt_count")
    list_filter = ("outcome", "kind", ("requested_at", MomentFilter), AudienceFilter, AccountFilter, CountedFilter)
    ordering = ("-pk",)
    search_help_text = _("Reference, recipient, what was typed, message id or account key.")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return super().get_queryset(request).prefetch_related("decisions")

    def accounts_of(self, row: ResetRequest) -> Iterable[str]:
        return accounts_of(row)

    def is_reached(self, row: ResetRequest, viewer: Viewer) -> bool:
        return viewer.reaches_ask(row, accounts_of(row))

    def staff_of(self, row: ResetRequest) -> Iterable[str]:
        return [row.actor_key]

    def hidden_in(self, row: ResetRequest) -> list[tuple[str, str]]:
        decided = [(gettext("Address"), decision.address) for decision in row.decisions.all()]
        return [(gettext("Asked for"), row.identifier), *decided, (gettext("Client address"), row.ip or "")]

    def diagnosis_of(self, row: ResetRequest, viewer: Viewer) -> list[dict[str, Any]]:
        return ways.to_diagnosis("request", row.pk, viewer, self.admin_site.name)

    def of_account(self, rows: "QuerySet[Any]", key: str) -> "QuerySet[Any]":
        return rows.filter(pk__in=set(chain.from_iterable(of_accounts(key))))

    def found(self, term: str, viewer: Viewer) -> Iterable[Any]:
        typed = ResetRequest.objects.filter(asked_as([term])).values_list("pk", flat=True)
        # Not by key: a planner that takes a name for common would walk all keys in their order to find a few.
        decided = typed.filter(decided_at__isnull=False).order_by("-requested_at")
        ways = [typed.filter(decided_at=None), decided[:MOST_FOUND], *of_accounts(term)]
        ways += [
            mail.exclude(request=None).values_list("request_id", flat=True)[:MOST_FOUND] for mail in meant(term, viewer)
        ]
        ways.append(referred_to(term).values_list("pk", flat=True))
        own = uuid_in(term)
        return chain([own] if own else [], *ways)

    def story_of(self, row: ResetRequest, viewer: Viewer) -> dict[str, Any]:
        return {
            "timeline": rows_of(timelines.of_request(row), viewer, self.admin_site.name),
            "decisions": [self._decision(decision, viewer) for decision in row.decisions.all()],
            "emails": [self._email(email, viewer) for email in row.emails.order_by("queued_at")],
            "links": [self._link(token, viewer) for token in row.tokens.order_by("issued_at")],
        }

    def _decision(self, decision: Decision, viewer: Viewer) -> dict[str, Any]:
        labels = dict(Gate.choices)
        return {
            "account": viewer.link_to(decision.user_key, self.admin_site.name) or "–",
            "outcome": _word(decision.outcome, decision.get_outcome_display()),
            "address": viewer.address(decision.address) or "–",
            "gates": [
                {"label": labels.get(gate["gate"], gate["gate"]), "is_open": gate["open"]} for gate in decision.gates
            ],
        }

    def _email(self, email: Email, viewer: Viewer) -> dict[str, Any]:
        return {
            "link": viewer.link_to_page("email", email.pk, email.get_kind_display(), self.admin_site.name),
            "recipient": viewer.address(email.recipient),
            "state": state_of(email),
            "queued": moments.shown(email.queued_at),
        }

    def _link(self, token: ResetToken, viewer: Viewer) -> dict[str, Any]:
        """Where a reset link stands. Neither its secret nor its selector is shown to anybody."""
        has_expired = token.state == TokenState.LIVE and token.expires_at <= timezone.now()
        return {
            "account": viewer.link_to(token.user_key, self.admin_site.name),
            "state": TokenState.EXPIRED.value if has_expired else token.state,
            "label": gettext("too old") if has_expired else token.get_state_display(),
            "until": moments.shown(token.ended_at or token.expires_at),
            "openings": token.open_count,
        }


def _word(outcome: str, meaning: str) -> Any:
    mood = "open" if outcome == Outcome.RECEIVED else "good" if outcome in _GOOD else "bad"
    return worded(mood, outcome.replace("_", " "), meaning)
