"""Failed mails with links, grouped by cause, recipient domain and route, and who of these people still needs a link.

Reads the newest failures of a span of time by the index of what is apart, at most ``MOST``, in one statement, and the
accounts of whoever has no link; so a page costs the same however much mail there is. People are counted once, however
many of their mails failed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Case, CharField, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Concat

from recovery import accounts, agents, objections
from recovery.models import Bounce, Email, RepairMember, ResetToken
from recovery.models.emails import APART, FINAL_FAILURES, RESTS_IN_DOUBT, DomainOf, StateIn
from recovery.models.primary import SKEW, key_at
from recovery.reasons import LINK_KINDS, BounceClass, EmailReason, EmailState

MOST: Final = 20_000
FEWEST: Final = 3
"""People from whom on failures of one cause are an incident: one dead mailbox is none."""
LONGEST_LIST: Final = 100
OTHER: Final = "(other)"
"""In the place of a domain: all those at which fewer than ``FEWEST`` people have this trouble, together."""
BATCH: Final = 500
COUNTS: Final = ("people", "completed", "helped", "inactive", "disputed", "needy")
OF_AN_ADDRESS: Final = frozenset({EmailReason.PROVIDER_REFUSED_RECIPIENT, EmailReason.SUPPRESSED})
"""Reasons of a mail with which its recipient's domain has to do. All others are ours or a route's, whoever it was
for."""


@dataclass(frozen=True, slots=True)
class Which:
    """Which failures belong together: of one cause, at one recipient domain ("" for all, ``OTHER`` for the rest), by
    one route, of mail that was queued from ``since`` and before ``until``.

    ``cause``: class and rule of a bounce, ``policy/enhanced:5.7.1``, else a mail's reason, or its state where it has
    none.
    """

    cause: str
    domain: str
    route: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Incident:
    """How many mails, when first and last, and of the people: all, who completed a reset since, for whom a newer link
    is there or on its way, whose account is inactive or gone, whose address is disputed, and who still needs one. The
    last five add up to all."""

    which: Which
    mail_count: int
    first_at: datetime
    last_at: datetime
    people: int
    completed: int
    helped: int
    inactive: int
    disputed: int
    needy: int

    def as_json(self) -> dict[str, Any]:
        word, rule = word_and_rule(self.which.cause)
        counts = {name: getattr(self, name) for name in COUNTS}
        return {
            "cause": word, "rule": rule, "domain": self.which.domain, "route": self.which.route,
            "first_at": self.first_at.isoformat(), "last_at": self.last_at.isoformat(), "mails": self.mail_count,
            **counts,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who still needs a link, since when, at which door, and to which address mail failed."""

    user_key: str
    waits_since: datetime
    audience: str
    language: str
    address_key: str


class Found(NamedTuple):
    """The incidents, those with most people who still need a link first. ``since`` is later than it was asked for where
    there were more than ``MOST`` failures."""

    incidents: list[Incident]
    since: datetime
    is_cut: bool


class _Failure(NamedTuple):
    """One failed mail and one account whose link it carried."""

    email_id: UUID
    queued_at: datetime
    cause: str
    domain: str
    route: str
    audience: str
    language: str
    address_key: str
    user_key: str | None
    issued_at: datetime | None
    got_in: bool
    has_newer: bool
    is_under_way: bool
    is_disputed: bool

    @property
    def needs_link(self) -> bool:
        return not (self.got_in or self.has_newer or self.is_under_way)


def find(since: datetime, until: datetime, *, actor: AbstractBaseUser | None = None) -> Found:
    """The incidents of that time. ``actor``: of those people alone whom they reach.

    One statement, and one more for each 500 people who have no link; where staff reach only some, for each 500 people.
    """
    failures, is_cut = _read(since, until, actor=actor)
    if is_cut:
        since = failures[-1].queued_at if failures else since
    groups = {which: each for which, each in _folded(failures, since, until).items() if len(_people(each)) >= FEWEST}
    active = _active(key for each in groups.values() for key in _needing(each))
    standing = [_summed(which, each, active) for which, each in groups.items()]
    standing.sort(key=lambda incident: (incident.needy, incident.people, incident.last_at), reverse=True)
    return Found(standing, since, is_cut)


def needy(which: Which, *, actor: AbstractBaseUser | None = None) -> list[Person]:
    """Who of an incident still needs a link, within the actor's reach; the longest waiting first. Accounts that are
    gone or inactive need none, and of disputed ones nobody knows who would get it: staff look at each of those. As
    ``find``, and one statement more for each 500 people."""
    waiting = dict[str, Person]()
    for failure in _of(which, actor):  # the newest first
        if failure.user_key in waiting or failure.is_disputed:
            continue
        if failure.user_key and failure.issued_at and failure.needs_link:
            facts = (failure.issued_at, failure.audience, failure.language, failure.address_key)
            waiting[failure.user_key] = Person(failure.user_key, *facts)
    active = _active(waiting)
    people = [person for key, person in waiting.items() if key in active]
    return sorted(people, key=lambda person: (person.waits_since, person.user_key))


def mails(which: Which, *, actor: AbstractBaseUser | None = None) -> set[UUID]:
    """The keys of an incident's mails."""
    return {failure.email_id for failure in _of(which, actor)}


def still_needs(user_key: str, since: datetime) -> bool:
    """Whether somebody whose link failed has neither got in since nor a newer one that arrived, or may arrive, and
    nobody disputes the address that it would go to."""
    if objections.is_disputed(user_key):
        return False
    theirs = ResetToken.objects.filter(user_key=user_key)
    return not (theirs.used_since(since).exists() or theirs.newer_than(since).exists())


def word_and_rule(cause: str) -> tuple[str, str]:
    """The word of a cause, of ``BounceClass``, ``EmailReason`` or ``EmailState``, and the rule that chose it."""
    word, _, rule = cause.partition("/")
    return word, rule


def _of(which: Which, actor: AbstractBaseUser | None) -> list[_Failure]:
    failures, _ = _read(which.since, which.until, cause=which.cause, route=which.route, actor=actor)
    return _folded(failures, which.since, which.until).get(which, [])


def _read(
    since: datetime, until: datetime, *, actor: AbstractBaseUser | None, **chosen: str
) -> tuple[list[_Failure], bool]:
    """The newest failures of that time whose people the actor reaches, and whether there were more."""
    of_account = ResetToken.objects.filter(user_key=OuterRef("tokens__user_key"))
    failed: QuerySet[Any, Any] = Email.objects.filter(
        StateIn(APART),
        Q(state__in=(*FINAL_FAILURES, EmailState.WITHHELD)) | RESTS_IN_DOUBT,
        kind__in=LINK_KINDS,
        pk__gte=key_at(since - SKEW),
        queued_at__gte=since,
        queued_at__lt=until,
    )
    failed = failed.annotate(
        cause=_cause(),
        domain=DomainOf("recipient_key"),
        got_in=Exists(of_account.used_since(OuterRef("tokens__issued_at"))),
        has_newer=Exists(of_account.newer_than(OuterRef("tokens__issued_at"))),
        is_under_way=Exists(RepairMember.objects.under_way().filter(user_key=OuterRef("tokens__user_key"))),
        is_disputed=Exists(objections.disputed().filter(user_key=OuterRef("tokens__user_key"))),
    )
    rows = failed.filter(**chosen).order_by("-id").values_list(
        "pk", "queued_at", "cause", "domain", "route", "audience", "language", "recipient_key",
        "tokens__user_key", "tokens__issued_at", "got_in", "has_newer", "is_under_way",
        "is_disputed",
    )  # fmt: skip
    failures = [_Failure(*row) for row in rows[: MOST + 1]]
    return _within(failures[:MOST], actor), len(failures) > MOST


def _cause() -> Case:
    """What the newest bounce says of a mail that was refused or came back, else the mail's own reason. What may have
    left is apart from mail that surely did not for the same reason."""
    newest = Bounce.objects.filter(email=OuterRef("pk")).exclude(bounce_class=BounceClass.COMPLAINT)
    judged = newest.annotate(of=Concat("bounce_class", Value("/"), "rule")).order_by("-occurred_at", "-id")
    reason = Case(When(reason="", then=F("state")), default=F("reason"))
    refused = (EmailState.BOUNCED, EmailState.FAILED)
    return Case(
        When(state=EmailState.UNKNOWN, then=F("state")),
        When(state__in=refused, then=Coalesce(Subquery(judged.values("of")[:1]), reason)),
        default=reason,
        output_field=CharField(),
    )


def _within(failures: list[_Failure], actor: AbstractBaseUser | None) -> list[_Failure]:
    """Without those of people whom the actor does not reach; an account that is gone is everybody's."""
    if actor is None or not agents.is_limited():
        return failures
    users = _users(failure.user_key for failure in failures if failure.user_key)
    outside = {key for key, user in users.items() if not agents.may_act_on(actor, user)}
    return [failure for failure in failures if failure.user_key not in outside]


def _users(keys: Iterable[str]) -> dict[str, AbstractBaseUser]:
    found = dict[str, AbstractBaseUser]()
    rest = iter(sorted(set(keys)))
    while batch := list(islice(rest, BATCH)):
        found |= accounts.by_keys(batch)
    return found


def _active(keys: Iterable[str]) -> set[str]:
    """Those of accounts that are there and active: all others are sent nothing."""
    return {key for key, user in _users(keys).items() if user.is_active}


def _folded(failures: Sequence[_Failure], since: datetime, until: datetime) -> dict[Which, list[_Failure]]:
    """By cause, domain and route. Domains at which few people have the trouble are one, so that what hits hundreds of
    them is seen as well."""
    alone = dict[tuple[str, str, str], list[_Failure]]()
    for failure in failures:
        alone.setdefault((failure.cause, _domain_of(failure), failure.route), []).append(failure)
    groups = dict[Which, list[_Failure]]()
    for (cause, domain, route), each in alone.items():
        is_small = domain and len({failure.user_key for failure in each}) < FEWEST
        which = Which(cause, OTHER if is_small else domain, route, since, until)
        groups.setdefault(which, []).extend(each)
    for which, each in groups.items():
        if which.domain == OTHER:
            each.sort(key=lambda failure: (failure.queued_at, failure.email_id), reverse=True)
    return groups


def _domain_of(failure: _Failure) -> str:
    is_ours = "/" not in failure.cause and failure.cause not in OF_AN_ADDRESS
    return "" if is_ours else failure.domain


def _people(failures: Sequence[_Failure]) -> set[str]:
    return {failure.user_key for failure in failures if failure.user_key}


def _needing(failures: Sequence[_Failure]) -> set[str]:
    return {failure.user_key for failure in failures if failure.user_key and failure.needs_link}


def _summed(which: Which, failures: Sequence[_Failure], active: set[str]) -> Incident:
    people, needing = _people(failures), _needing(failures)
    disputed = {failure.user_key for failure in failures if failure.is_disputed} & needing & active
    got_in = {failure.user_key for failure in failures if failure.user_key and failure.got_in} - needing
    return Incident(
        which=which,
        mail_count=len({failure.email_id for failure in failures}),
        first_at=failures[-1].queued_at,
        last_at=failures[0].queued_at,
        people=len(people),
        completed=len(got_in),
        helped=len(people - needing - got_in),
        inactive=len(needing - active),
        disputed=len(disputed),
        needy=len((needing & active) - disputed),
    )
