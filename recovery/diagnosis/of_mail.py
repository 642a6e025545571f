"""From the queue to the provider: what mail waits for, and what became of it at the provider so far."""

from collections.abc import Iterator, Mapping
from typing import Final

from django.utils.translation import gettext as _

from recovery import routes, silence
from recovery.conf import conf
from recovery.diagnosis.facts import Facts
from recovery.diagnosis.findings import Evidence, Finding, made, seen, target_of
from recovery.diagnosis.of_asking import no_signs
from recovery.diagnosis.wording import ago, moment, text_for_it
from recovery.models import Email, EmailEvent, RouteState
from recovery.reasons import Cause, Circuit, Confidence, EmailReason, EmailState, EventKind, Fix

_WAITS_FOR = {
    EmailReason.PROVIDER_DOWN: Cause.PROVIDER_DOWN,
    EmailReason.PROVIDER_REFUSED_US: Cause.PROVIDER_REFUSES_US,
    EmailReason.PROVIDER_REFUSED_MAIL: Cause.MAIL_REFUSED,
    EmailReason.PROVIDER_BUSY: Cause.PROVIDER_BUSY,
    EmailReason.RENDER_ERROR: Cause.RENDER_ERROR,
}
CIRCUITS: Final[Mapping[str, Cause]] = {
    EmailReason.PROVIDER_REFUSED_US: Cause.PROVIDER_REFUSES_US,
    EmailReason.PROVIDER_BUSY: Cause.PROVIDER_BUSY,
}


def waiting(facts: Facts) -> Iterator[Finding]:
    """Queued, or to be tried again: what it waits for."""
    email = facts.email
    if email is None or email.handed_over_at is not None or facts.got_in:
        return
    if email.state == EmailState.SENDING:
        yield made(Cause.BEING_SENT, _state(email), confidence=Confidence.RECORDED)
    if email.state not in (EmailState.QUEUED, EmailState.DEFERRED):
        return
    said = {"until": moment(email.send_by), "ago": ago(email.queued_at, facts.now), "audience": email.audience}
    if email.audience not in ("default", *conf.AUDIENCES):
        yield made(Cause.AUDIENCE_GONE, _state(email), confidence=Confidence.OBSERVED, said=said)
    if cause := _WAITS_FOR.get(EmailReason(email.reason)) if email.reason else None:
        said["route"] = email.route or "–"
        spare = _spare(facts, email) if cause == Cause.PROVIDER_DOWN else None
        fix, target = (Fix.SWITCH_ROUTE, target_of(spare)) if spare else (None, None)
        evidence = [*_last_said(facts), _state(email)]
        by_them = cause in (Cause.PROVIDER_BUSY, Cause.PROVIDER_REFUSES_US, Cause.MAIL_REFUSED)
        confidence = Confidence.REPORTED if by_them else Confidence.RECORDED
        yield made(cause, *evidence, confidence=confidence, said=said, fix=fix, target=target)
    yield from _ways(facts, email, said)
    if not facts.is_worked:
        yield made(Cause.WORKERS_SILENT, _state(email), no_signs(), confidence=Confidence.OBSERVED)
    if email.state == EmailState.QUEUED or not email.reason:  # new, or given back untried
        yield made(Cause.QUEUED, _state(email), confidence=Confidence.RECORDED, said=said)


def doubtful(facts: Facts) -> Iterator[Finding]:
    email = facts.email
    is_there = facts.link is not None and facts.link.opened_at is not None
    if email is not None and email.state == EmailState.UNKNOWN and not is_there:
        evidence = [*_last_said(facts), _state(email)]
        yield made(Cause.ANSWER_LOST, *evidence, confidence=Confidence.UNKNOWN)


def with_provider(facts: Facts) -> Iterator[Finding]:
    """Handed over: delayed, silent, or too early to tell."""
    email = facts.email
    if email is None or email.handed_over_at is None or (facts.link is not None and facts.link.opened_at):
        return
    said = {
        "ago": ago(email.handed_over_at, facts.now),
        "address": email.recipient,
        "esp": email.esp or email.route,
        "text_for_it": text_for_it(email),
    }
    handed_over = seen(email, _("It was handed over."), email.handed_over_at)
    if email.state == EmailState.DEFERRED:
        told = [event for event in facts.events if event.kind == EventKind.DEFERRED][:1]
        yield made(Cause.DELAYED, *map(event_of, told), handed_over, confidence=Confidence.REPORTED, said=said)
    elif email.state == EmailState.HANDED_OVER:
        if email.esp not in conf.WEBHOOKS:
            yield made(Cause.NO_REPORTS, handed_over, confidence=Confidence.UNKNOWN, said=said)
        elif silence.has_no_news(email):
            yield made(Cause.NO_NEWS, handed_over, *_heard(email), confidence=Confidence.INFERRED, said=said)
        else:
            yield made(Cause.NO_NEWS_YET, handed_over, confidence=Confidence.UNKNOWN, said=said)


def event_of(event: EmailEvent) -> Evidence:
    return seen(event, event.get_kind_display(), event.occurred_at, quote=event.detail)


def _state(email: Email) -> Evidence:
    text = " · ".join(str(each) for each in (email.get_state_display(), email.get_reason_display()) if each)
    return seen(email, text, email.claimed_at or email.queued_at)


def _last_said(facts: Facts) -> list[Evidence]:
    return [event_of(event) for event in facts.events[:1]]


def _heard(email: Email) -> list[Evidence]:
    """When this provider said anything last."""
    found = next((heard for heard in silence.heard() if heard.esp == email.esp), None)
    if found is None:
        return []
    text = _("The last report of this provider.") if found.last_at else _("This provider never reported anything.")
    return [Evidence(text, found.last_at)]


def _spare(facts: Facts, email: Email) -> RouteState | None:
    """Another way out that staff keep switched off: the one to switch, for the failing one may come back by itself."""
    others = [way.name for way in routes.of(email.kind, email.audience) if way.name != email.route]
    return next((facts.ways[name] for name in others if name in facts.ways and facts.ways[name].switched_off), None)


def _ways(facts: Facts, email: Email, said: dict[str, str]) -> Iterator[Finding]:
    """Whether there is a way out for it now."""
    named = [way.name for way in routes.of(email.kind, email.audience)]
    if not named:
        yield made(Cause.NO_ROUTE, _state(email), confidence=Confidence.OBSERVED, said=said)
        return
    states = [facts.ways[name] for name in named if name in facts.ways]
    if len(states) < len(named) or any(_is_in_use(state) for state in states):
        return
    for state in [state for state in states if state.switched_off][:1]:
        evidence = seen(state, _("Switched off by staff."), state.switched_at, quote=state.switch_reason)
        own = {**said, "route": state.name}
        target = ("recovery.routestate", state.name)
        yield made(Cause.ROUTE_OFF, evidence, confidence=Confidence.OBSERVED, said=own, target=target)
    for state in [state for state in states if not state.switched_off][:1]:
        cause = CIRCUITS.get(state.reason, Cause.PROVIDER_DOWN)
        evidence = seen(state, state.get_circuit_display(), state.opened_at, quote=state.detail)
        yield made(cause, evidence, confidence=Confidence.OBSERVED, said={**said, "route": state.name})


def _is_in_use(state: RouteState) -> bool:
    return state.circuit == Circuit.CLOSED and not state.switched_off
