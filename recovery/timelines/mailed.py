"""The steps of a request and of an email: asked, decided, queued, handed over, reported by the provider, ended.

Several requests as one story are told by ``people``.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from django.db.models import Prefetch, Q, QuerySet, prefetch_related_objects
from django.utils.translation import gettext as _

from recovery.models import AuditEvent, Decision, Email, EmailEvent, ResetRequest
from recovery.reasons import (
    Action,
    CaseEnd,
    CaseReason,
    EmailKind,
    EmailReason,
    EventKind,
    Kind,
    ObjectionEnd,
    Outcome,
    Refusal,
    Verdict,
)
from recovery.timelines.steps import TICK, Party, Placed, Step, in_order

# The words of audit actions in a timeline. A link that was opened is "opened"; a mail of which the provider
# says that it was opened is "mail_opened", because scanners and image proxies open mails too.
_ACTIONS: Final = {
    Action.LINK_OPENED: "opened",
    Action.PASSWORD_REFUSED: "password_refused",
    Action.LINK_REFUSED: "link_refused",
    Action.COMPLETED: "completed",
    Action.LINK_REPLACED: "link_replaced",
    Action.LINK_REVOKED: "link_revoked",
    Action.BACKUP_MAILED: "backup_mailed",
    Action.CASE_OPENED: "case_opened",
    Action.CASE_CLOSED: "case_closed",
}
_ANSWERED: Final = {
    Action.OBJECTION_OPENED: "objection_opened",
    Action.OBJECTION_REFUSED: "objection_refused",
    Action.OBJECTED: "objected",
}
_BY_ITSELF: Final = frozenset(
    {
        Action.LINK_REPLACED,
        Action.LINK_REVOKED,
        Action.BACKUP_MAILED,
        Action.CASE_OPENED,
        Action.CASE_CLOSED,
        Action.ACCESS_ENDED,
        Action.ROTATION_FAILED,
    }
)
# What staff do with a mail stands in its events; who did it and why stands in the trail.
_STEERED: Final = {
    Action.EMAIL_RETRIED: EventKind.RETRIED,
    Action.EMAIL_RELEASED: EventKind.RELEASED,
    Action.EMAIL_SET_ASIDE: EventKind.SET_ASIDE,
    Action.EMAIL_STOPPED: EventKind.CANCELLED,
}
_BY_STAFF: Final = frozenset({EventKind.RETRIED, EventKind.RELEASED, EventKind.SET_ASIDE})
_EVENTS: Final = {EventKind.OPENED: "mail_opened", EventKind.CLICKED: "mail_clicked"}


def of_request(request: ResetRequest) -> list[Step]:
    """Everything known of a request: asked, decided, its mails and their events, its links, its end.

    Four statements, however much happened.
    """
    emails = list(request.emails.order_by("queued_at").prefetch_related(events()))
    return in_order(story(request, emails, list(trail_of([request]))))


def story(request: ResetRequest, emails: Sequence[Email], trail: Sequence[AuditEvent]) -> list[Placed]:
    """The steps of a request, given its emails with their events and what ``trail_of`` it found."""
    decisions = list(request.decisions.all())
    placed = [(request.requested_at, _requested(request))]
    placed += [(decision.decided_at, _decided(decision)) for decision in decisions]
    if not decisions and request.outcome != Outcome.RECEIVED:
        ended_at = request.decided_at or request.requested_at
        placed.append((ended_at, Step(ended_at, "decided", _("decided"), request.get_outcome_display(), Party.US)))
    begin = min((decision.decided_at for decision in decisions), default=request.requested_at)
    for email in emails:
        placed += mailed(email, trail, not_before=begin, say_which=True)
    placed += [(_place(event, request), noted(event)) for event in trail if event.action in _ACTIONS]
    if request.completed_at and not any(step.what == "completed" for _moment, step in placed):
        done = Step(request.completed_at, "completed", str(Action.COMPLETED.label), "", Party.PERSON)
        placed.append((request.completed_at, done))
    return placed


def trail_of(requests: Iterable[ResetRequest]) -> "QuerySet[AuditEvent]":
    """What the trail says of these requests, their links and their mails, in its order."""
    keys = [request.pk for request in requests]
    told = AuditEvent.objects.filter(request_id__in=keys, action__in=[*_ACTIONS, *_STEERED])
    return told.order_by("occurred_at", "id")


def of_email(email: Email) -> list[Step]:
    """Everything that happened to one email. Two statements."""
    # The trail has no index by email: it is found by the request or the account that the line names as well.
    # SQLite takes the account's where the query says that there is one.
    of_account = Q(user_key=email.user_key) & ~Q(user_key="")
    whose = Q(request_id=email.request_id) if email.request_id else of_account
    about = AuditEvent.objects.filter(whose, email_id=email.pk, action__in=[*_STEERED, *_ANSWERED])
    trail = list(about.order_by("occurred_at", "id")) if email.request_id or email.user_key else []
    prefetch_related_objects([email], events())
    placed = mailed(email, trail, not_before=email.queued_at, say_which=False)
    return in_order([*placed, *((line.occurred_at, noted(line)) for line in trail if line.action in _ANSWERED)])


def events() -> "Prefetch[str]":
    """The events of emails, without what was posted: a page shows none of it."""
    return Prefetch("events", EmailEvent.objects.defer("content", "digest"))


def _requested(request: ResetRequest) -> Step:
    by = Party.PERSON if request.kind == Kind.FORGOT else Party.STAFF if request.actor_key else Party.US
    said = " · ".join(text for text in (request.get_kind_display(), request.reason) if text)
    return Step(request.requested_at, "requested", _("requested"), said, by, actor_key=request.actor_key)


def _decided(decision: Decision) -> Step:
    return Step(decision.decided_at, "decided", _("decided"), decision.get_outcome_display(), Party.US)


def mailed(email: Email, trail: Iterable[AuditEvent], *, not_before: datetime, say_which: bool = True) -> list[Placed]:
    """When it was queued, when workers took it, and its events, those by staff with what the trail says of them.

    A provider that counts whole seconds, or whose report overtakes our note, would have delivered before we handed
    over: its reports take their place after the hand-over.
    """
    events = list(email.events.all())
    handed_over = [event.occurred_at for event in events if event.kind == EventKind.HANDED_OVER and not event.esp]
    steered = _steered(events, [line for line in trail if line.email_id == email.pk and line.action in _STEERED])
    handed_over_at = min(handed_over, default=email.handed_over_at or not_before)
    said = email.get_kind_display() if say_which else ""
    now = max(not_before, email.queued_at)
    label = _("claimed by a worker") if email.kind != EmailKind.SITE else _("sent by the site itself")
    placed = [(now, Step(email.queued_at, "queued", str(EventKind.QUEUED.label), said, Party.US, email=email))]
    if email.kind == EmailKind.SITE or _was_held(email, events):
        placed.clear()

    def take(claimed_at: datetime | None) -> None:
        nonlocal now
        if claimed_at:
            # Clocks count milliseconds on some databases: what ended before it does not come after it.
            now = max(claimed_at, now + TICK)
            placed.append((now, Step(claimed_at, "sending", label, said, Party.US, email=email)))

    last = email.claimed_at if email.claimed_at not in {event.claimed_at for event in events} else None
    for event in sorted(events, key=lambda event: event.pk):
        step = _happened(event, email, steered.get(event.pk), say_which=say_which)
        if _said_by(event) == Party.PROVIDER:
            placed.append((max(event.occurred_at, handed_over_at), step))
            continue
        if last and last < event.occurred_at:  # a report overtook the note of that try
            take(last)
            last = None
        take(event.claimed_at)
        now = max(event.occurred_at, now)
        placed.append((now, step))
    take(last)
    return placed


def _was_held(email: Email, events: Iterable[EmailEvent]) -> bool:
    """Whether it was withheld from the first, and never queued."""
    return any(event.kind == EventKind.WITHHELD and event.occurred_at == email.queued_at for event in events)


def _steered(events: Iterable[EmailEvent], trail: Iterable[AuditEvent]) -> dict[int, AuditEvent]:
    """Which line of the trail tells of which event: the nearest of its kind, both being written in one commit."""
    found: dict[int, AuditEvent] = {}
    for line in trail:
        alike = [event for event in events if event.kind == _STEERED[Action(line.action)]]
        if alike:
            found[min(alike, key=lambda event: abs(event.occurred_at - line.occurred_at)).pk] = line
    return found


def _happened(event: EmailEvent, email: Email, line: AuditEvent | None, *, say_which: bool) -> Step:
    said = [email.get_kind_display()] if say_which else []
    said += [event.esp, event.reject_reason, line.reason if line else _in_words(event)]
    what = _EVENTS.get(EventKind(event.kind), event.kind) if event.kind in EventKind.values else event.kind
    return Step(
        event.occurred_at,
        what,
        event.get_kind_display(),
        " · ".join(text for text in said if text),
        Party.STAFF if line else _said_by(event),
        email=email,
        actor_key=line.actor_key if line else "",
    )


def _in_words(event: EmailEvent) -> str:
    """The detail, with the word of a reason of ours at its start spelt out."""
    word, _colon, rest = event.detail.partition(": ")
    if word not in EmailReason.values or _said_by(event) == Party.PROVIDER:
        return event.detail
    return " · ".join(text for text in (str(EmailReason(word).label), rest) if text)


def _said_by(event: EmailEvent) -> Party:
    if event.kind in _BY_STAFF:
        return Party.STAFF
    return Party.PROVIDER if event.dedupe_key or event.esp else Party.US


def _place(event: AuditEvent, request: ResetRequest) -> datetime:
    """Completion comes before the notices of it, which are queued before its line in the trail is written."""
    if event.action == Action.COMPLETED and request.completed_at:
        return min(event.occurred_at, request.completed_at)
    return event.occurred_at


def noted(event: AuditEvent) -> Step:
    facts = event.detail
    if (
        event.action in (Action.LINK_OPENED, Action.OBJECTION_OPENED)
        and facts.get("verdict") == Verdict.PROBABLE_SCANNER
    ):
        by = Party.SCANNER
    elif event.actor_key:
        by = Party.STAFF
    elif event.action in _BY_ITSELF:
        by = Party.US
    else:
        by = Party.PERSON
    refusal = dict(Refusal.choices).get(facts.get("refusal", ""), "")
    why = dict(CaseReason.choices + CaseEnd.choices).get(facts.get("why", ""), "")
    end = dict(ObjectionEnd.choices).get(facts.get("end", ""), "")
    said = [event.reason, facts.get("browser", ""), refusal, why, end, ", ".join(facts.get("codes", []))]
    detail = " · ".join(str(text) for text in said if text)
    what = {**_ACTIONS, **_ANSWERED}.get(Action(event.action), event.action.replace(".", "_"))
    return Step(event.occurred_at, what, event.get_action_display(), detail, by, actor_key=event.actor_key)
