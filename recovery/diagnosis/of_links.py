"""From the delivery to the new password: what became of the link, by the trail of its openings and as it stands now."""

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext as _

from recovery import accounts
from recovery.diagnosis.facts import Facts
from recovery.diagnosis.findings import Finding, made, seen
from recovery.diagnosis.of_accounts import person
from recovery.diagnosis.subjects import within
from recovery.diagnosis.wording import moment, text_for_it
from recovery.models import AuditEvent, Email, ResetToken
from recovery.reasons import (
    Action,
    Cause,
    Confidence,
    EmailState,
    EventKind,
    Fix,
    Refusal,
    TokenState,
    Verdict,
)

_REFUSED = {
    Refusal.EXPIRED: Cause.LINK_EXPIRED,
    Refusal.USED: Cause.LINK_USED,
    Refusal.REPLACED: Cause.LINK_REPLACED,
    Refusal.REVOKED: Cause.LINK_REVOKED,
    Refusal.CREDENTIALS_CHANGED: Cause.CREDENTIALS_CHANGED,
    Refusal.JOINED: Cause.CREDENTIALS_CHANGED,
}
_ARRIVED = (EmailState.HANDED_OVER, EmailState.DELIVERED, EmailState.DEFERRED, EmailState.UNKNOWN)


def followed(facts: Facts) -> Iterator[Finding]:
    """How far the person came with the link."""
    link, email = facts.link, facts.email
    if link is None and email is not None and email.state == EmailState.DELIVERED:
        yield _arrived(facts, email)
    if link is None or email is None or not (email.state in _ARRIVED or link.opened_at):
        return
    opened = [line for line in facts.told(Action.LINK_OPENED) if line.occurred_at >= link.issued_at]
    if link.state == TokenState.USED:
        yield from _completed(facts, link, opened)
        return
    if other := _used_by_other(facts, link):
        yield other
    refused = _refused(facts, link, opened)
    if refused is not None:
        yield refused
    elif link.person_opened_at is not None:
        yield from _tried(facts, link, opened)
    elif link.opened_at is not None:
        yield _unseen(facts, link, email, Cause.SCANNER_OPENED, opened)
    elif email.state == EmailState.DELIVERED:
        yield _unseen(facts, link, email, Cause.DELIVERED_UNSEEN, opened)


def _arrived(facts: Facts, email: Email) -> Finding:
    """A mail without a link for this account: whether it was read, nobody can know."""
    told = [event for event in facts.events if event.kind == EventKind.DELIVERED][:1]
    evidence = [seen(event, event.get_kind_display(), event.occurred_at, quote=event.detail) for event in told]
    said = {"address": email.recipient, "at": moment(email.delivered_at), "text_for_it": text_for_it(email)}
    return made(Cause.DELIVERED, *evidence, confidence=Confidence.REPORTED, said=said)


def _completed(facts: Facts, link: ResetToken, opened: list[AuditEvent]) -> Iterator[Finding]:
    at = link.ended_at
    evidence = seen(link, _("A new password was set over this link."), at)
    said = {"at": moment(at)}
    again = [line for line in opened if line.detail.get("refusal") == Refusal.USED and _is_person(line)]
    if again:
        shown = seen(again[-1], again[-1].get_action_display(), again[-1].occurred_at)
        yield made(Cause.LINK_USED, shown, evidence, confidence=Confidence.RECORDED, said=said, target=_of(facts))
    yield made(Cause.COMPLETED, evidence, confidence=Confidence.RECORDED, said=said)


def _used_by_other(facts: Facts, link: ResetToken) -> Finding | None:
    """The same mail had a link for another account within reach, and that one was used."""
    others = ResetToken.objects.filter(email=link.email_id, state=TokenState.USED).exclude(user_key=facts.key)
    used = others.first()
    user = accounts.by_key(used.user_key) if used else None
    if used is None or user is None or not within(facts.viewer, [user]):
        return None
    evidence = seen(used, _("A new password was set over the other link."), used.ended_at)
    said = {"name": accounts.name_of(user)}
    return made(Cause.OTHER_ACCOUNT, evidence, confidence=Confidence.RECORDED, said=said, target=_of(facts))


def _refused(facts: Facts, link: ResetToken, opened: list[AuditEvent]) -> Finding | None:
    """The link is dead, and was opened dead or died unopened by another cause than its age."""
    dead = [line for line in opened if line.detail.get("refusal") and _is_person(line)]
    late = facts.told(Action.LINK_REFUSED)
    refusal = facts.refusal
    if refusal is None and dead:
        refusal = Refusal(dead[-1].detail["refusal"])
    if refusal not in _REFUSED or (refusal == Refusal.EXPIRED and not (dead or late)):
        return None
    told = [seen(line, line.get_action_display(), line.occurred_at) for line in [*dead[-1:], *late[-1:]]]
    state = seen(link, Refusal(refusal).label, link.ended_at or link.expires_at)
    said = {"at": moment(link.ended_at), "until": moment(link.expires_at)}
    confidence = Confidence.RECORDED if told or link.state != TokenState.LIVE else Confidence.OBSERVED
    return made(_REFUSED[refusal], *told, state, confidence=confidence, said=said, fix=_anew(facts), target=_of(facts))


def _tried(facts: Facts, link: ResetToken, opened: list[AuditEvent]) -> Iterator[Finding]:
    """A person had the form: the password broke the rules, or none came."""
    persons = [line for line in opened if _is_person(line)]
    shown = [seen(line, _form(line), line.occurred_at) for line in persons[-1:]]
    at: datetime | None = persons[-1].occurred_at if persons else link.person_opened_at
    until = {"at": moment(at), "until": moment(link.expires_at)}
    broken = facts.told(Action.PASSWORD_REFUSED)
    if broken:
        last = broken[-1]
        codes = ", ".join(last.detail.get("codes", []))
        is_open = facts.refusal is None
        yield made(
            Cause.PASSWORD_REFUSED,
            seen(last, last.get_action_display(), last.occurred_at, quote=codes),
            *shown,
            confidence=Confidence.RECORDED,
            said={"codes": codes or "–"},
            fix=None if is_open else _anew(facts) or Fix.SEND_NEW_LINK,
            target=_of(facts),
        )
    confidence = Confidence.RECORDED
    yield made(Cause.FORM_LEFT, *shown, confidence=confidence, said=until, fix=_anew(facts), target=_of(facts))


def _unseen(facts: Facts, link: ResetToken, email: Email, cause: Cause, opened: list[AuditEvent]) -> Finding:
    at = email.delivered_at or email.handed_over_at
    told = [event for event in facts.events if event.kind in (EventKind.DELIVERED, EventKind.OPENED)]
    evidence = [seen(event, event.get_kind_display(), event.occurred_at, quote=event.detail) for event in told[:2]]
    evidence += [seen(line, _("Probably opened by a mail scanner."), line.occurred_at) for line in opened[-1:]]
    if facts.refusal == Refusal.EXPIRED:
        evidence.append(seen(link, _("The link is too old by now; a new one is needed."), link.expires_at))
    said = {"address": email.recipient, "at": moment(at), "text_for_it": text_for_it(email)}
    return made(cause, *evidence, confidence=Confidence.INFERRED, said=said, target=_of(facts))


def _anew(facts: Facts) -> Fix | None:
    """Who never had a password gets a link to the first one."""
    return Fix.ACTIVATE if facts.waits_to_join else None


def _form(line: AuditEvent) -> str:
    return _("The form was shown.") if line.detail.get("form_shown") else str(line.get_action_display())


def _is_person(line: AuditEvent) -> bool:
    return bool(line.detail.get("verdict") == Verdict.PERSON)


def _of(facts: Facts) -> tuple[str, str] | None:
    return person(facts.account.user) if facts.account else None
