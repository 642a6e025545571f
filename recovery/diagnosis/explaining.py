"""All rules, asked in turn; the cause that leads is the first of the order."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils import timezone

from recovery import accounts, agents, audiences, timelines
from recovery.diagnosis import forecasting, of_accounts, of_asking, of_failures, of_links, of_mail, of_sign_in
from recovery.diagnosis.facts import Facts
from recovery.diagnosis.findings import Explanation, Finding, made, seen
from recovery.diagnosis.of_accounts import person
from recovery.diagnosis.order import rank
from recovery.diagnosis.subjects import Subject, within
from recovery.diagnosis.wording import moment
from recovery.models import ResetRequest
from recovery.reasons import Cause, Confidence
from recovery.timelines import Step

RULES: Final[tuple[Callable[[Facts], Iterator[Finding]], ...]] = (
    of_accounts.unknown,
    of_accounts.unfit,
    of_accounts.mistyped,
    of_accounts.proposed,
    of_asking.asked,
    of_asking.held_back,
    of_mail.waiting,
    of_mail.doubtful,
    of_mail.with_provider,
    of_failures.came_back,
    of_failures.stopped,
    of_failures.complained,
    of_failures.ended,
    of_failures.ladder,
    of_links.followed,
    of_sign_in.locked,
    of_sign_in.ended_by_force,
)


def explain(subject: Subject, *, viewer: AbstractBaseUser | None = None, now: datetime | None = None) -> Explanation:
    """Why this person did not get the mail or does not get in: one leading cause, then the others, in their order.

    Reads only, within a bound of statements. ``viewer`` decides whose near misses are named; that the subject itself is
    in their scope was decided by ``find``. ``now``: the moment it is asked, for whoever looks at several.
    """
    facts = Facts(subject, viewer=viewer, now=now or timezone.now())
    findings = _in_order(finding for rule in RULES for finding in rule(facts))
    if not findings:
        findings = (_little_known(facts),)
    would = forecasting.would(subject, audience=_door(facts), now=facts.now)
    return Explanation(subject, findings[0], findings, _timeline(facts), would)


def _door(facts: Facts) -> str:
    """Where the person asked, and asks again; else their own."""
    return facts.request.audience if facts.request is not None else audiences.CHOSEN_LATER


def _in_order(found: Iterator[Finding]) -> tuple[Finding, ...]:
    """Each cause once, with the evidence of whoever found it first."""
    once: dict[Cause, Finding] = {}
    for finding in found:
        once.setdefault(finding.code, finding)
    return tuple(sorted(once.values(), key=lambda finding: rank(finding.code)))


def _timeline(facts: Facts) -> list[Step]:
    if facts.request is not None:
        return timelines.of_request(facts.request) if _reaches_all(facts, facts.request) else []
    return timelines.of_email(facts.email) if facts.email is not None else []


def _reaches_all(facts: Facts, request: ResetRequest) -> bool:
    """What several accounts share is told to whoever reaches all of them, as on the page of a person."""
    if facts.viewer is None or not agents.is_limited():
        return True
    meant = accounts.by_keys(set(request.decisions.values_list("user_key", flat=True)) - {"", facts.key})
    return len(within(facts.viewer, meant.values())) == len(meant)


def _little_known(facts: Facts) -> Finding:
    """What was named says nothing more: its account is gone, or its mail was purged."""
    if facts.request is not None and facts.request.completed_at:
        said = {"at": moment(facts.request.completed_at)}
        evidence = seen(facts.request, facts.request.get_outcome_display(), facts.request.completed_at)
        return made(Cause.COMPLETED, evidence, confidence=Confidence.RECORDED, said=said)
    if facts.subject.user is not None:
        return _of_old(facts, facts.subject.user) or made(Cause.NEVER_ASKED, confidence=Confidence.OBSERVED)
    return made(Cause.UNKNOWN_ACCOUNT, confidence=Confidence.OBSERVED, said={"typed": facts.subject.label})


def _of_old(facts: Facts, user: AbstractBaseUser) -> Finding | None:
    """An ask, or a mail, that is on record, and of which nothing else is."""
    request, email = facts.request, facts.email
    if request is not None:
        told = facts.decision or request
        evidence = seen(told, told.get_outcome_display(), request.requested_at)
    elif email is not None:
        evidence = seen(email, email.get_state_display(), email.queued_at)
    else:
        return None
    said = {"at": moment(evidence.at), "outcome": evidence.text}
    return made(Cause.TOO_LONG_AGO, evidence, confidence=Confidence.RECORDED, said=said, target=person(user))
