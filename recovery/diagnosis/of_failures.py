"""Mail that ended: it came back, was refused, held back, cancelled or too late; and the ladder that followed."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from recovery import suppressions
from recovery.bounces import texts
from recovery.diagnosis.facts import Facts
from recovery.diagnosis.findings import Evidence, Finding, Target, made, over, seen, target_of
from recovery.diagnosis.of_accounts import left_to_do, person
from recovery.diagnosis.of_mail import event_of
from recovery.diagnosis.wording import moment, text_for_it
from recovery.models import Bounce, Email, Suppression
from recovery.models.emails import FINAL_FAILURES
from recovery.reasons import (
    BounceClass,
    Cause,
    Confidence,
    EmailReason,
    EmailState,
    EventKind,
    Fix,
    SuppressionReason,
)

_CLASSES = {
    BounceClass.HARD: Cause.ADDRESS_DEAD,
    BounceClass.SOFT: Cause.BOUNCED_FOR_NOW,
    BounceClass.UNDETERMINED: Cause.BOUNCED_UNCLEAR,
    BounceClass.POLICY: Cause.POLICY_REFUSED,
}
_STOPS = {
    SuppressionReason.BOUNCED: Cause.SUPPRESSED,
    SuppressionReason.COMPLAINED: Cause.COMPLAINED,
    SuppressionReason.STAFF: Cause.SUPPRESSED_BY_STAFF,
}
_ENDED = {
    (EmailState.FAILED, EmailReason.PROVIDER_REFUSED_MAIL): Cause.MAIL_REFUSED,
    (EmailState.FAILED, EmailReason.POISON): Cause.SET_ASIDE_AS_POISON,
    (EmailState.EXPIRED, EmailReason.PAST_SEND_BY): Cause.MAIL_TOO_LATE,
    (EmailState.WITHHELD, EmailReason.SET_ASIDE): Cause.SET_ASIDE_BY_STAFF,
    (EmailState.CANCELLED, EmailReason.STAFF): Cause.CANCELLED_BY_STAFF,
    (EmailState.CANCELLED, EmailReason.ADDRESS_CHANGED): Cause.ADDRESS_CHANGED,
    (EmailState.CANCELLED, EmailReason.INACTIVE): Cause.INACTIVE_ACCOUNT,
    (EmailState.CANCELLED, EmailReason.TOKEN_DEAD): Cause.CANCELLED_AS_DEAD,
}
_FULL_RULES = (":4.2.2", ":5.2.2", "mailbox_full", "mailboxfull", "quota exceeded")
_FULL_TEXT = "mailbox_full"
_LISTED = ("inactive", "suppress", "black list", "blacklist", "block list", "blocklist", "unsubscribed")
_LISTED_RULES = ("suppress", "bounced address", "spam report", "preblocked", "blacklisted", "manuallydeactivated")
_BY_PROVIDER = ("AnymailRecipientsRefused", "backend sent nothing")
"""How a refusal by a provider begins. A mail server's own words about an inactive mailbox are another matter."""


def came_back(facts: Facts) -> Iterator[Finding]:
    """It bounced, or the recipient was refused."""
    email = facts.email
    if email is None or email.state not in (EmailState.BOUNCED, EmailState.FAILED) or facts.got_in:
        return
    said = {"address": email.recipient, "text_for_it": text_for_it(email)}
    events = [event for event in facts.events if event.kind in _FAILED]
    bounce = next((bounce for bounce in facts.bounces if bounce.bounce_class != BounceClass.COMPLAINT), None)
    refused = email.state == EmailState.FAILED and email.reason in ("", EmailReason.PROVIDER_REFUSED_RECIPIENT)
    if not refused and email.state != EmailState.BOUNCED:
        return
    told = [event_of(event) for event in events[:1]]
    cause = Cause.RECIPIENT_REFUSED if refused else Cause.BOUNCED_UNCLEAR
    if bounce is not None:
        told.append(seen(bounce, bounce.get_bounce_class_display(), bounce.occurred_at, quote=bounce.evidence))
        cause = _class_of(bounce)
    if _is_listed(told[0].quote if told and refused else "") or _is_held(bounce):
        cause = Cause.ON_PROVIDERS_LIST
    if facts.has_moved:
        yield over(cause, *told, confidence=Confidence.REPORTED, address=email.recipient, left=left_to_do(facts))
    elif cause == Cause.ON_PROVIDERS_LIST:
        yield _listed(facts, email, told)
    else:
        yield made(cause, *told, confidence=Confidence.REPORTED, said=said, target=_of_person(facts))


def _listed(facts: Facts, email: Email, told: list[Evidence]) -> Finding:
    """The provider's list stopped it; what staff found there since is on the trail."""
    cause, confidence, address = Cause.ON_PROVIDERS_LIST, Confidence.REPORTED, email.recipient
    line = facts.taken_off(after=told[0].at or email.queued_at if told else email.queued_at)
    if line is None:
        return made(cause, *told, confidence=confidence, said={"address": address}, target=target_of(email))
    found = seen(line, _("%(route)s: nothing on its list.") % {"route": email.route}, line.occurred_at)
    left, since = left_to_do(facts), line.occurred_at
    return over(cause, *told, found, confidence=confidence, address=address, since=since, left=left)


_FAILED = frozenset({EventKind.BOUNCED, EventKind.REJECTED, EventKind.FAILED})


def stopped(facts: Facts) -> Iterator[Finding]:
    """The address is suppressed: it was when the mail was held back, or it is now."""
    email = facts.email
    withheld = email is not None and email.state == EmailState.WITHHELD and email.reason == EmailReason.SUPPRESSED
    row = facts.stops[0] if facts.stops else _stop_of(facts) if withheld else None
    if row is None or not (withheld or _matters_now(facts)):
        return
    evidence = [seen(row, row.get_reason_display(), row.since)]
    if withheld and email is not None:
        evidence.append(seen(email, email.get_reason_display(), facts.held_back_at))
    cause, address = _STOPS[SuppressionReason(row.reason)], facts.address
    confidence = Confidence.RECORDED if withheld else Confidence.OBSERVED
    if row.lifted_at is not None:
        evidence.append(seen(row, row.get_lift_display(), row.lifted_at))
    if row in facts.stops and not facts.has_moved:
        yield made(cause, *evidence, confidence=confidence, said={"address": address}, target=target_of(row))
    else:
        since = None if row in facts.stops else row.lifted_at or row.until
        yield over(cause, *evidence, confidence=confidence, address=address, since=since, left=left_to_do(facts))


def complained(facts: Facts) -> Iterator[Finding]:
    """It arrived, and was reported as spam."""
    found = next((bounce for bounce in facts.bounces if bounce.bounce_class == BounceClass.COMPLAINT), None)
    if found is None or facts.email is None or facts.got_in:
        return
    evidence = seen(found, found.get_bounce_class_display(), found.occurred_at, quote=found.evidence)
    row = next((row for row in facts.stops if row.reason == SuppressionReason.COMPLAINED), None)
    cause, confidence, address = Cause.COMPLAINED, Confidence.REPORTED, facts.email.recipient
    if row is None or facts.has_moved:
        yield over(cause, evidence, confidence=confidence, address=address, left=left_to_do(facts))
    else:
        yield made(cause, evidence, confidence=confidence, said={"address": address}, target=target_of(row))


def ended(facts: Facts) -> Iterator[Finding]:
    """By us or by staff: set aside, cancelled, given up, or too late."""
    email = facts.email
    cause = _ENDED.get((EmailState(email.state), EmailReason(email.reason))) if email and email.reason else None
    if email is None or cause is None or facts.got_in:
        return
    last = [event_of(event) for event in facts.events[:1]]
    is_active = facts.account is not None and facts.account.user.is_active
    by_email = cause in (Cause.SET_ASIDE_BY_STAFF, Cause.SET_ASIDE_AS_POISON) and email.send_by > facts.now
    if cause == Cause.INACTIVE_ACCOUNT and is_active:
        yield over(cause, *last, confidence=Confidence.RECORDED, left=left_to_do(facts))
        return
    is_late = cause in (Cause.SET_ASIDE_BY_STAFF, Cause.SET_ASIDE_AS_POISON) and not by_email
    yield made(
        cause,
        *last,
        confidence=Confidence.RECORDED,
        said={"at": moment(last[0].at if last else email.queued_at)},
        fix=Fix.SEND_NEW_LINK if is_late else None,
        target=target_of(email) if by_email else _of_person(facts),
    )


def ladder(facts: Facts) -> Iterator[Finding]:
    """What the failure of a mail led to: a backup address, or a case."""
    email = facts.email
    if facts.case is not None:
        evidence = seen(facts.case, facts.case.get_reason_display(), facts.case.opened_at)
        said = {"at": moment(facts.case.opened_at)}
        target = target_of(facts.case)
        yield made(Cause.CASE_OPEN, evidence, confidence=Confidence.OBSERVED, said=said, target=target)
    if email is None or not email.context.get("to_backup") or facts.subject.email is not None:
        return
    said = {"address": email.recipient, "at": moment(email.queued_at)}
    is_held = (email.state, email.reason) == (EmailState.WITHHELD, EmailReason.SUPPRESSED)
    if (email.state in FINAL_FAILURES and not facts.got_in) or is_held:
        rows = [seen(email, email.get_state_display(), email.queued_at), *map(event_of, facts.events[:1])]
        by_others = email.state in (EmailState.BOUNCED, EmailState.FAILED)
        confidence = Confidence.REPORTED if by_others else Confidence.RECORDED  # held back or too late: by us
        cause, target = Cause.BACKUP_FAILED, _of_person(facts)
        if facts.has_moved:
            yield over(cause, *rows, confidence=confidence, address=email.recipient, left=left_to_do(facts))
        else:
            yield made(cause, *rows, confidence=confidence, said=said, target=target)
    elif facts.link is not None and facts.link.person_opened_at is None and facts.refusal is None:
        rows = [seen(each, each.get_state_display(), each.queued_at) for each in reversed(facts.emails)]
        yield made(Cause.SENT_TO_BACKUP, *rows, confidence=Confidence.RECORDED, said=said)


def _class_of(bounce: Bounce) -> Cause:
    if bounce.bounce_class == BounceClass.SOFT and _is_full(bounce):
        return Cause.MAILBOX_FULL
    return _CLASSES[BounceClass(bounce.bounce_class)]


def _is_full(bounce: Bounce) -> bool:
    """By the rule, or by what a server said. A provider's own description of a kind of bounce names a full mailbox as
    one example of several, and proves nothing."""
    if any(word in bounce.rule for word in _FULL_RULES):
        return True
    said = texts.rule_for(bounce.evidence) if bounce.rule.startswith(("enhanced:", "smtp:", "text:")) else None
    return said is not None and said.name == _FULL_TEXT


def _is_listed(said: str) -> bool:
    """Whether the provider refused the recipient, and says that it is for its own list."""
    begun = any(word in said for word in _BY_PROVIDER)
    return begun and ("sent nothing" in said or any(word in said.lower() for word in _LISTED))


def _is_held(bounce: Bounce | None) -> bool:
    """Whether the provider reports that it did not send it, for its own list."""
    if bounce is None or bounce.bounce_class != BounceClass.UNDETERMINED:
        return False
    return any(word in f"{bounce.rule} {bounce.evidence}".lower() for word in _LISTED_RULES)


def _matters_now(facts: Facts) -> bool:
    """Whether a mail that is asked for now would be held back, and nothing is under way that shows how it goes."""
    if facts.email is None:
        return True
    is_over = facts.email.state in (*FINAL_FAILURES, EmailState.CANCELLED)
    return is_over and not facts.got_in and not facts.has_moved


def _stop_of(facts: Facts) -> Suppression | None:
    """What stood when the mail was held back, though it was lifted or ran out since."""
    forms = suppressions.kept_as([facts.address_key])
    same = Suppression.objects.filter(address_key__in=forms, since__lte=facts.held_back_at)
    return same.order_by("-since").first()


def _of_person(facts: Facts) -> Target | None:
    return person(facts.account.user) if facts.account else None
