"""What a diagnosis reads: each fact when a rule first asks for it, by a statement or two, and never twice.

So the number of statements has a bound, whatever there is of a person. What was decided and sent then is read from the
rows of then; what is so now is read beside it, and rules say which of the two they speak of.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Q

from recovery import accounts, gates, heartbeats, limits, lockouts, routes, tokens
from recovery.accounts import Account
from recovery.addresses import normalise
from recovery.conf import conf
from recovery.diagnosis.subjects import Subject
from recovery.models import (
    AuditEvent,
    Bounce,
    Decision,
    Email,
    EmailEvent,
    Lockout,
    ResetRequest,
    ResetToken,
    RouteState,
    SupportCase,
    Suppression,
)
from recovery.models.emails import FINAL_FAILURES
from recovery.models.requests import asked_as
from recovery.origin import Origin, is_hash
from recovery.reasons import LINK_KINDS, Action, EmailKind, EmailState, EventKind, Outcome, Part, Refusal, TokenState

MOST: Final = 100  # rows of a kind that one explanation reads
EARLIER: Final = timedelta(hours=24)  # how far back an ask that was refused looks for the link that still stood
MAILED: Final = LINK_KINDS | {EmailKind.NO_PASSWORD, EmailKind.UNKNOWN_ACCOUNT}
ENDED: Final = frozenset({*FINAL_FAILURES, EmailState.WITHHELD, EmailState.CANCELLED})
REFUSED: Final = (Outcome.THROTTLED, Outcome.COOLDOWN)


class Facts:
    """Of one subject, at one moment."""

    def __init__(self, subject: Subject, *, viewer: AbstractBaseUser | None, now: datetime) -> None:
        self.subject, self.viewer, self.now = subject, viewer, now
        self.key = subject.user_key

    @cached_property
    def account(self) -> Account | None:
        return accounts.of_user(self.subject.user) if self.subject.user is not None else None

    @cached_property
    def names(self) -> list[str]:
        """What the person may have typed."""
        if self.account is None:
            return [self.subject.label]
        own = [accounts.name_of(self.account.user), *(address.text for address in self.account.addresses)]
        return [name for name in own if name]

    @cached_property
    def request(self) -> ResetRequest | None:
        """The request that is explained: the one that was named, else the person's newest."""
        if self.subject.request is not None or self.subject.email is not None or self.account is None:
            return self.subject.request
        decided = Decision.objects.filter(user_key=self.key).order_by("-decided_at").select_related("request")[:1]
        named = asked_as(self.names)
        typed = ResetRequest.objects.filter(named)
        waiting = ResetRequest.objects.filter(named | Q(user_key=self.key), decided_at=None)
        found = [decision.request for decision in decided]
        found += typed.filter(decided_at__isnull=False, outcome=Outcome.THROTTLED).order_by("-requested_at")[:1]
        found += waiting.order_by("-requested_at")[:1]
        return max(found, key=lambda request: request.requested_at, default=None)

    @cached_property
    def decision(self) -> Decision | None:
        """What was decided for this account of the request."""
        if self.request is None:
            return None
        return self.request.decisions.filter(user_key=self.key).first()

    @property
    def outcome(self) -> str:
        """A word of ``Outcome``: the decision's, else the request's; "" without either."""
        if self.decision is not None:
            return self.decision.outcome
        return self.request.outcome if self.request is not None else ""

    @cached_property
    def links(self) -> list[ResetToken]:
        """Links of the request to this account, the oldest first."""
        if self.request is None or not self.key:
            return []
        return list(self.request.tokens.filter(user_key=self.key).order_by("issued_at", "id")[:MOST])

    @cached_property
    def emails(self) -> list[Email]:
        """Mail of the request for this account, the oldest first."""
        if self.request is None:
            return []
        mails = self.request.emails.filter(kind__in=MAILED).order_by("queued_at", "id")[:MOST]
        linked = {link.email_id for link in self.links}
        return [email for email in mails if email.pk in linked or email.user_key == self.key]

    @cached_property
    def earlier(self) -> ResetToken | None:
        """The link that was issued before an ask that brought none."""
        if self.request is None or self.outcome not in REFUSED or not self.key:
            return None
        since = self.request.requested_at - EARLIER
        issued = ResetToken.objects.filter(user_key=self.key, issued_at__range=(since, self.request.requested_at))
        return issued.select_related("email", "request").order_by("-issued_at").first()

    @property
    def said_where(self) -> Email | Decision | None:
        """What says where a link of the account's own, not to a backup, went or was to go."""
        if self.email is not None and not self.email.context.get("to_backup"):
            return self.email
        return self.decision if self.decision is not None and self.decision.address else None

    @property
    def mailed_to(self) -> str:
        """The account's own address as it was then; as it is now where nothing says it."""
        row = self.said_where
        return self.own_address if row is None else row.recipient if isinstance(row, Email) else row.address

    @property
    def own_address(self) -> str:
        """Where a link for the account goes now, "" for nowhere."""
        main = self.account.reset_address if self.account else None
        return main.text if main else ""

    @property
    def has_moved(self) -> bool:
        """Whether the account has other addresses by now: what became of mail to the old one is mended no more."""
        own = {normalise(address.text) for address in self.account.addresses} if self.account else set()
        return bool(own) and normalise(self.mailed_to) not in own

    @property
    def got_in(self) -> bool:
        """Whether a new password was set over the link of this mail."""
        return self.link is not None and self.link.state == TokenState.USED

    @property
    def is_settled(self) -> bool:
        """Whether a request or mail was named whose mail ended then: how the account is now explains nothing of it."""
        named = self.subject.request is not None or self.subject.email is not None
        return named and self.email is not None and self.email.state in ENDED

    @property
    def got_in_since(self) -> bool:
        """Whether the link that still stood was used after an ask that brought none: then that ask says nothing."""
        used_at = self.earlier.ended_at if self.earlier and self.earlier.state == TokenState.USED else None
        return bool(used_at and self.request and used_at >= self.request.requested_at)

    @cached_property
    def email(self) -> Email | None:
        """The mail that is explained: the one that was named, else the newest that was to bring the link."""
        if self.subject.email is not None:
            return self.subject.email
        if self.emails:
            return self.emails[-1]
        return self.earlier.email if self.earlier else None

    @cached_property
    def link(self) -> ResetToken | None:
        """The link that this mail was to bring this account."""
        own = [link for link in self.links if self.email is not None and link.email_id == self.email.pk]
        if own or self.email is None:
            return own[-1] if own else None
        return self.earlier

    @cached_property
    def refusal(self) -> Refusal | None:
        """Why the link works no more, as of now; None while it works, and without a link."""
        if self.link is None or not self.link.fingerprint:
            return Refusal.EXPIRED if self.link else None
        return tokens.refusal(self.link, self.subject.user, at=self.now)

    @cached_property
    def events(self) -> list[EmailEvent]:
        """What happened to the mail, the newest first, without what was posted."""
        if self.email is None:
            return []
        told = EmailEvent.objects.filter(email=self.email).defer("content", "digest")
        return list(told.order_by("-occurred_at", "-id")[:MOST])

    @property
    def held_back_at(self) -> datetime | None:
        """When the mail was held back: as it was queued, or later, when it was to leave."""
        told = next((event.occurred_at for event in self.events if event.kind == EventKind.WITHHELD), None)
        return told or (self.email.queued_at if self.email is not None else None)

    @cached_property
    def bounces(self) -> list[Bounce]:
        """Failures of the mail and complaints about it, the newest first."""
        if self.email is None:
            return []
        return list(Bounce.objects.filter(email=self.email).order_by("-occurred_at")[:MOST])

    @cached_property
    def trail(self) -> list[AuditEvent]:
        """What the trail says of the request that brought the link, the oldest first."""
        request_id = self.link.request_id if self.link else self.request.pk if self.request else None
        if request_id is None:
            return []
        return list(AuditEvent.objects.filter(request_id=request_id).order_by("occurred_at", "id")[: 3 * MOST])

    def taken_off(self, *, after: datetime) -> AuditEvent | None:
        """The line of the trail by which nothing was on the list of the mail's provider for its address any more. It
        names whichever mail to this address staff looked at, and the trail is found by its request or account."""
        if self.email is None:
            return None
        sent = Email.objects.filter(recipient_key=self.address_key).order_by("-queued_at")
        mails = dict(sent.values_list("pk", "request_id")[:MOST])
        # SQLite takes the partial index of accounts only where its condition stands beside.
        found_by = Q(request_id__in=set(mails.values()) - {None}) | (Q(user_key=self.key) & ~Q(user_key=""))
        lines = AuditEvent.objects.filter(found_by, action=Action.PROVIDER_LIFTED, occurred_at__gt=after)
        tried = lines.filter(email_id__in=mails).order_by("-occurred_at", "-id")[:MOST]
        return next((line for line in tried if self.email.route in line.detail.get("clear", [])), None)

    def told(self, *actions: Action) -> list[AuditEvent]:
        """Lines of the trail about this account, the oldest first."""
        return [line for line in self.trail if line.action in actions and line.user_key in ("", self.key)]

    @cached_property
    def locks(self) -> list[Lockout]:
        return list(lockouts.standing(self.subject.user)) if self.subject.user is not None else []

    @cached_property
    def stops(self) -> list[Suppression]:
        """What stops mail of its kind to the address of the mail now, the newest first; else to the account's."""
        kind = self.email.kind if self.email else EmailKind.RESET
        live = Suppression.objects.filter(address_key=self.address_key, lifted_at=None, kind__in=("", kind))
        return list(live.filter(Q(until=None) | Q(until__gt=self.now)).order_by("-since")[:MOST])

    @property
    def address(self) -> str:
        """Where the mail went, else where one would go."""
        return self.email.recipient if self.email is not None else self.own_address

    @property
    def address_key(self) -> str:
        return normalise(self.address)[:254]

    @cached_property
    def case(self) -> SupportCase | None:
        return SupportCase.objects.filter(user_key=self.key, closed_at=None).first() if self.key else None

    @cached_property
    def ways(self) -> dict[str, RouteState]:
        return routes.states()

    @cached_property
    def is_worked(self) -> bool:
        """Whether anything gave a sign of life that takes out what waits."""
        silent = heartbeats.silent(Part.WORKER, longer_than=heartbeats.SILENT)
        return not (silent and heartbeats.silent(Part.SWEEP, longer_than=heartbeats.SILENT))

    @cached_property
    def waits_to_join(self) -> bool:
        return self.subject.user is not None and gates.waits_to_join(self.subject.user)

    @property
    def place(self) -> str:
        """Under what limits count the place that asked; "" where rows do not keep it whole (``CLIENT_DATA``)."""
        ip = (self.request.ip or "") if self.request is not None else ""
        return Origin(ip).source if conf.CLIENT_DATA["ip"] == "full" and not is_hash(ip) else ""

    @cached_property
    def counted(self) -> dict[tuple[str, str], limits.Standing]:
        """The limits on asking, by name and subject: of the account, of what was typed, and of the place that asked."""
        request = self.request
        subjects: Sequence[tuple[str, str]] = [
            *([("account", self.key)] if self.key else []),
            *([("address", normalise(request.identifier))] if request else []),
            *([("source", self.place)] if self.place else []),
        ]
        return limits.look(subjects)
