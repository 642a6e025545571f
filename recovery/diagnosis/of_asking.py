"""From the ask to the decision: never asked, refused, held back by the level, waiting, too late."""

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext as _

from recovery import level
from recovery.conf import conf
from recovery.diagnosis.facts import Facts
from recovery.diagnosis.findings import Evidence, Finding, made, over, seen, target_of
from recovery.diagnosis.of_accounts import left_to_do, person
from recovery.diagnosis.wording import ago, moment
from recovery.models import LevelSwitch
from recovery.models.requests import ResetRequest
from recovery.reasons import Cause, Confidence, EmailKind, EmailReason, EmailState, Fix, Outcome


def asked(facts: Facts) -> Iterator[Finding]:
    request = facts.request
    target = person(facts.account.user) if facts.account else None
    if request is None:
        if facts.subject.email is None and facts.account is not None:
            confidence = Confidence.OBSERVED
            fix = Fix.ACTIVATE if facts.waits_to_join else None
            yield made(Cause.NEVER_ASKED, confidence=confidence, fix=fix, target=target)
        return
    if facts.got_in_since:
        return
    match facts.outcome:
        case Outcome.RECEIVED:
            yield from _waiting(facts, request)
        case Outcome.EXPIRED:
            evidence = seen(request, _("It was asked for, and nobody decided it."), request.requested_at)
            yield made(Cause.REQUEST_TOO_LATE, evidence, confidence=Confidence.RECORDED, target=target)
        case Outcome.THROTTLED:
            cause = Cause.ACCOUNT_LIMIT if facts.decision is not None and facts.key else Cause.THROTTLED
            evidence = seen(request, request.get_outcome_display(), request.requested_at)
            said = {"free": moment(_free_at(facts, request, cause))}
            fix = None if target else Fix.WAIT
            yield made(cause, evidence, confidence=Confidence.RECORDED, said=said, fix=fix, target=target)
        case Outcome.COOLDOWN:
            issued_at = facts.earlier.issued_at if facts.earlier else None
            shown = [seen(facts.earlier, _("The link that stands."), issued_at)] if facts.earlier else []
            evidence = seen(request, request.get_outcome_display(), request.requested_at)
            said = {"at": moment(issued_at)}
            yield made(Cause.COOLDOWN, evidence, *shown, confidence=Confidence.RECORDED, said=said, target=target)


def held_back(facts: Facts) -> Iterator[Finding]:
    """The level, as it was when this was decided: its change is the evidence, not the level of today."""
    email = facts.email
    by_level = {EmailReason.LEVEL_NONE: Cause.LEVEL_NONE, EmailReason.LEVEL_SYSTEM: Cause.LEVEL_SYSTEM}
    cause, at = None, facts.now
    if email is not None and email.state == EmailState.WITHHELD and email.reason in by_level:
        cause, at = by_level[EmailReason(email.reason)], facts.held_back_at or facts.now
    elif email is None and facts.outcome == Outcome.LEVEL_BLOCKED and facts.decision is not None:
        cause, at = Cause.LEVEL_NONE, facts.decision.decided_at
    if cause is None:
        return
    switch = LevelSwitch.objects.filter(switched_at__lte=at).order_by("-id").first()
    evidence = [seen(switch, switch.get_level_display(), switch.switched_at)] if switch else []
    if email is not None:
        evidence.append(seen(email, email.get_reason_display(), at))
    is_over = level.holds(email.kind if email else EmailKind.RESET) is None
    if not is_over:
        yield made(cause, *evidence, confidence=Confidence.RECORDED)
        return
    may_leave = email is not None and email.send_by > facts.now
    left = (Fix.RETRY_MAIL, target_of(email)) if may_leave else left_to_do(facts)
    yield over(cause, *evidence, confidence=Confidence.RECORDED, left=left)


def _waiting(facts: Facts, request: ResetRequest) -> Iterator[Finding]:
    evidence = seen(request, _("It was asked for, and is not decided yet."), request.requested_at)
    said = {"ago": ago(request.requested_at, facts.now)}
    if not facts.is_worked:
        yield made(Cause.WORKERS_SILENT, evidence, no_signs(), confidence=Confidence.OBSERVED)
    yield made(Cause.NOT_DECIDED, evidence, confidence=Confidence.RECORDED, said=said)


def no_signs() -> Evidence:
    return Evidence(_("Neither a worker nor a sweep gave a sign of life within the last minute."))


def _free_at(facts: Facts, request: ResetRequest, cause: Cause) -> datetime:
    """When the person may ask again, as of now: what was typed and the place that asked are counted both, and no row
    says which of them was too much. Of a place that rows do not keep whole, when it is free at the latest."""
    names = ("account",) if cause == Cause.ACCOUNT_LIMIT else ("address", "source")
    used_up = [each for (name, _), each in facts.counted.items() if name in names and each.is_used_up]
    free = [facts.now, *(standing.free_again_at for standing in used_up)]
    if "source" in names and not facts.place and not used_up:
        free.append(request.requested_at + conf.REQUEST_LIMITS["source"][1])
    return max(free)
