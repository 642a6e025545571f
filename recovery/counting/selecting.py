"""Which rows are meant by a time, an audience, a route, a recipient domain and a kind of request.

A request belongs to the route and domain of the first mail with a link that it led to, since it was there that things
went well or wrong, and what is about it goes with it. What is about no request has none of the four.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from recovery.models import AuditEvent, Bounce, Email, ResetRequest, SupportCase
from recovery.models.emails import DomainOf
from recovery.models.primary import SKEW, key_at
from recovery.reasons import LINK_KINDS, Action, BounceClass, Kind, Lift, Outcome

LINK_MAIL: Final = tuple(sorted(LINK_KINDS))
"""Mail that brings a link. Notices have no request that somebody waits for."""

OUTSIDE: Final = (Outcome.RECEIVED, Outcome.THROTTLED, Outcome.NO_ACCOUNT, Outcome.COOLDOWN, Outcome.JOINED)
"""Requests that are not counted: not decided yet; asked too often; about nobody; answered by a link that still stands;
for a first password where there is one.
Strangers who try names must not make the share of people who need help look small."""

ACTS: Final = (
    Action.EMAIL_RETRIED, Action.EMAIL_RELEASED, Action.ADDRESS_CHANGED, Action.ACCOUNT_ACTIVATED, Action.UNLOCKED,
    Action.REPAIR_STARTED,
)  # fmt: skip
"""Done by staff, each is one; beside them a link that staff sent and a suppression that staff lifted."""

LISTS: Final = ("repair", "rotation")
"""Words in the detail of what a worker asks for, person by person, for whoever started one: that was the act."""

DIMENSIONS: Final = ("audience", "route", "domain", "kind")


@dataclass(frozen=True, slots=True)
class Selection:
    """From ``since`` and before ``until``; of one audience, route, recipient domain and kind of request, or of all
    where blank."""

    since: datetime
    until: datetime
    audience: str = ""
    route: str = ""
    domain: str = ""
    kind: str = ""

    @property
    def chosen(self) -> dict[str, str]:
        """The dimensions of which one value is asked for."""
        return {name: getattr(self, name) for name in DIMENSIONS if getattr(self, name)}


Rows = QuerySet[Any, Any]


def mails(since: datetime, until: datetime, among: Rows | None = None) -> Rows:
    """Link mail that was queued in that time, of all or among some; found by its keys, as are requests and acts."""
    found = Email.objects.all() if among is None else among
    return found.filter(**_keys(since, until), queued_at__gte=since, queued_at__lt=until, kind__in=LINK_MAIL).order_by()


def of_mails() -> dict[str, Any]:
    """Their dimensions, to be annotated as ``of_audience`` and so on."""
    return _named(F("audience"), F("route"), DomainOf("recipient_key"), Coalesce("request__kind", Value("")))


def complaints(since: datetime, until: datetime, among: Rows | None = None) -> Rows:
    """Link mail of which it was told in that time, for the first time, that somebody reported it as spam. People do so
    days after it came, so a rate by the hour of the mail would never be known when it is high."""
    about = Bounce.objects.filter(bounce_class=BounceClass.COMPLAINT, email__isnull=False)
    told = about.filter(**_keys(since, until), recorded_at__gte=since, recorded_at__lt=until)
    before = about.filter(email=OuterRef("email"), recorded_at__lt=since)
    found = Email.objects.all() if among is None else among
    return found.filter(pk__in=told.exclude(Exists(before)).values("email"), kind__in=LINK_MAIL).order_by()


def requests(since: datetime, until: datetime, among: Rows | None = None) -> Rows:
    """Requests of that time that meant an account."""
    asked = ResetRequest.objects.all() if among is None else among
    found = asked.filter(**_keys(since, until), requested_at__gte=since, requested_at__lt=until)
    return found.exclude(outcome__in=OUTSIDE).order_by()


def of_requests() -> dict[str, Any]:
    return _named(F("audience"), _first("pk", "route"), _first("pk", "domain"), F("kind"))


def cases(since: datetime, until: datetime, among: Rows | None = None) -> Rows:
    """Cases that were opened in that time, by the ladder or by staff."""
    found = SupportCase.objects.all() if among is None else among
    return found.filter(opened_at__gte=since, opened_at__lt=until).order_by()


def of_cases() -> dict[str, Any]:
    audience, kind = (Coalesce(f"request__{name}", Value("")) for name in ("audience", "kind"))
    return _named(audience, _first("request_id", "route"), _first("request_id", "domain"), kind)


def acts(since: datetime, until: datetime, among: Rows | None = None) -> Rows:
    """What staff did in that time so that somebody gets in: a link sent, or many by one repair, a mail put back or
    released, a suppression lifted, an address corrected, an account activated or unlocked.

    A case is counted by itself, and what is done with it is not. Neither is what holds mail back, what is done to the
    site as a whole, and a lift at the provider, which goes with one here or is a try.
    """
    trail = AuditEvent.objects.all() if among is None else among
    noted = trail.filter(**_keys(since, until), occurred_at__gte=since, occurred_at__lt=until)
    by_hand = ResetRequest.objects.filter(pk=OuterRef("request_id"), kind=Kind.ADMIN)
    counted = Q(action__in=ACTS)
    counted |= Q(action=Action.SUPPRESSION_LIFTED, detail__by=Lift.STAFF.value)
    counted |= Q(Exists(by_hand), ~Q(detail__has_any_keys=LISTS), action=Action.REQUESTED)
    return noted.filter(counted).exclude(actor_key="").order_by()


def of_acts() -> dict[str, Any]:
    request = ResetRequest.objects.filter(pk=OuterRef("request_id"))
    audience, kind = (Coalesce(Subquery(request.values(name)), Value("")) for name in ("audience", "kind"))
    return _named(audience, _first("request_id", "route"), _first("request_id", "domain"), kind)


def _keys(since: datetime, until: datetime) -> dict[str, Any]:
    return {"pk__gte": key_at(since - SKEW), "pk__lt": key_at(until + SKEW)}


def _first(request: str, name: str) -> Coalesce:
    mails = Email.objects.filter(request=OuterRef(request), kind__in=LINK_MAIL).order_by("queued_at", "pk")
    found = mails.annotate(of=DomainOf("recipient_key") if name == "domain" else F(name))
    return Coalesce(Subquery(found.values("of")[:1]), Value(""))


def _named(*values: Any) -> dict[str, Any]:
    return {f"of_{name}": value for name, value in zip(DIMENSIONS, values, strict=True)}
