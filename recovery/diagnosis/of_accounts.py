"""Who was meant, and whether the account can be recovered at all: as it was decided then, else as it is now."""

from collections.abc import Iterator

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.translation import gettext as _

from recovery import accounts, agents, objections
from recovery.addresses import likely_domain, normalise
from recovery.diagnosis import near
from recovery.diagnosis.facts import Facts
from recovery.diagnosis.findings import Evidence, Finding, Left, Target, label_of, made, over, seen, target_of
from recovery.diagnosis.subjects import within
from recovery.diagnosis.wording import moment
from recovery.models import AccountState, AddressCorrection, Decision, Email, ResetRequest, ResetToken
from recovery.models.requests import asked_as
from recovery.reasons import LINK_KINDS, Cause, Confidence, EmailReason, EmailState, Fix, Kind, Outcome

_DECIDED = {
    Outcome.INACTIVE: Cause.INACTIVE_ACCOUNT,
    Outcome.JOINED: Cause.ALREADY_JOINED,
    Outcome.NO_ADDRESS: Cause.NO_ADDRESS,
    Outcome.UNVERIFIED_ADDRESS: Cause.UNVERIFIED_ADDRESS,
    Outcome.DISPUTED: Cause.DISPUTED_ADDRESS,
}
ASKS_SHOWN = 3


def unknown(facts: Facts) -> Iterator[Finding]:
    """Nobody is known by what was typed: a former address, a slip, or nobody at all."""
    if facts.subject.user is not None or facts.subject.email is not None:
        return
    request = facts.subject.request
    typed = request.identifier if request else facts.subject.label
    if request is not None and facts.outcome not in (Outcome.NO_ACCOUNT, Outcome.THROTTLED):
        return
    for email, user in _former(facts, typed):
        said = {"typed": typed, "name": accounts.name_of(user)}
        evidence = seen(email, _("A mail for this account went there."), email.queued_at)
        yield made(Cause.FORMER_ADDRESS, evidence, confidence=Confidence.OBSERVED, said=said, target=person(user))
    for user in near.misses(typed, viewer=facts.viewer):
        said = {"typed": typed, "name": accounts.name_of(user)}
        evidence = Evidence(_("One letter makes the difference."), model=label_of(user), pk=accounts.key_of(user))
        yield made(Cause.NEAR_MISS, evidence, confidence=Confidence.INFERRED, said=said, target=person(user))
    if facts.outcome != Outcome.THROTTLED:
        decided = request is not None and facts.decision is not None
        yield made(
            Cause.UNKNOWN_ACCOUNT,
            *([_decided(facts.decision)] if facts.decision else _asks(facts, typed)),
            confidence=Confidence.RECORDED if decided else Confidence.OBSERVED,
            said={"typed": typed},
        )


def unfit(facts: Facts) -> Iterator[Finding]:
    """What no mail mends: inactive, without a password or an address, not verified, disputed."""
    account, decided = facts.account, facts.decision
    if account is None:
        return
    cause, evidence, confidence = _then(facts), Evidence(""), Confidence.RECORDED
    if cause is not None and decided is not None:
        evidence = _decided(decided)
    elif not facts.is_settled and (cause := _unfit_now(facts) or _without_password(facts)):
        evidence, confidence = _now(facts, cause), Confidence.OBSERVED
    if cause is None:
        return
    if _is_over(facts, cause):
        yield over(cause, evidence, confidence=confidence, left=left_to_do(facts))
    else:
        yield made(cause, evidence, confidence=confidence, target=person(account.user))


def mistyped(facts: Facts) -> Iterator[Finding]:
    """A domain that is one letter off a well-known one takes mail to nowhere, or to a stranger: of the address that was
    mailed then, though the account may have another by now. It may be a domain of its own, too, so this is told as the
    cause only where the mail came back or was never seen, and not at all where a person got mail there."""
    if facts.account is None or (facts.request is not None and facts.request.completed_at):
        return
    domain = likely_domain(facts.mailed_to)
    if domain is None or (facts.link is not None and facts.link.person_opened_at) or _has_been_read(facts.mailed_to):
        return
    text, row = _("Its domain is one letter off %(domain)s.") % {"domain": domain}, facts.said_where
    evidence = seen(row, text) if row else Evidence(text, None, *person(facts.account.user))
    cause = Cause.ADDRESS_MISTYPED if _was_in_vain(facts.email) else Cause.ADDRESS_DOUBTFUL
    confidence, address = Confidence.INFERRED, facts.mailed_to
    if facts.has_moved:
        yield over(cause, evidence, confidence=confidence, address=address, left=left_to_do(facts))
        return
    said, target = {"address": address, "domain": domain}, person(facts.account.user)
    yield made(cause, evidence, confidence=confidence, said=said, target=target)


def proposed(facts: Facts) -> Iterator[Finding]:
    """Another address waits for a decision. No trouble of whoever has read mail at the old one since."""
    row = AddressCorrection.objects.filter(user_key=facts.key).pending().first() if facts.key else None
    read_at = facts.link.person_opened_at if row is not None and facts.link is not None else None
    if row is None or (read_at is not None and read_at >= row.proposed_at):
        return
    until = moment(row.effective_at) if row.effective_at else _("somebody approves it")
    said = {"address": row.new_address, "at": moment(row.proposed_at), "until": until}
    evidence = seen(row, row.get_state_display(), row.proposed_at, quote=row.reason)
    target = target_of(row)
    yield made(Cause.CORRECTION_PENDING, evidence, confidence=Confidence.OBSERVED, said=said, target=target)


def person(user: AbstractBaseUser) -> Target:
    return label_of(user), accounts.key_of(user)


def left_to_do(facts: Facts) -> Left:
    """What helps now that a cause of then is over: a link, and before it the lift of what would hold it back here."""
    if facts.stops and not facts.has_moved:
        return Fix.LIFT_SUPPRESSION, target_of(facts.stops[0])
    target = person(facts.account.user) if facts.account else None
    return Fix.ACTIVATE if facts.waits_to_join else Fix.SEND_NEW_LINK, target


def _has_been_read(address: str) -> bool:
    """Whether a person ever opened a link that was mailed there."""
    there = ResetToken.objects.filter(email__recipient_key=normalise(address)[:254])
    return there.filter(person_opened_at__isnull=False).exists()


def _was_in_vain(email: Email | None) -> bool:
    """Whether a mail came back, was refused for its recipient, or arrived where nobody saw it."""
    if email is None or email.state != EmailState.FAILED:
        return email is not None and email.state in (EmailState.BOUNCED, EmailState.DELIVERED)
    return email.reason in ("", EmailReason.PROVIDER_REFUSED_RECIPIENT)


def _then(facts: Facts) -> Cause | None:
    """What was decided of this account."""
    if facts.decision is None or facts.account is None:
        return None
    if facts.outcome == Outcome.NO_PASSWORD:
        return Cause.NO_PASSWORD if accounts.has_joined(facts.account.user) else Cause.NOT_ACTIVATED
    return _DECIDED.get(Outcome(facts.outcome))


def _unfit_now(facts: Facts) -> Cause | None:
    account = facts.account
    assert account is not None
    if not account.user.is_active:
        return Cause.INACTIVE_ACCOUNT
    address = account.reset_address
    if facts.request is None and (address is None or not address.verified):
        return Cause.NO_ADDRESS if address is None else Cause.UNVERIFIED_ADDRESS
    if objections.is_disputed(account.key):
        return Cause.DISPUTED_ADDRESS
    return None


def _without_password(facts: Facts) -> Cause | None:
    """One who never joined waits for an activation, or for the mail of one; others sign in elsewhere."""
    user = facts.account.user if facts.account else None
    if user is None or accounts.has_password(user) or facts.waits_to_join:
        return None
    return Cause.NO_PASSWORD if accounts.has_joined(user) else Cause.NOT_ACTIVATED


def _is_over(facts: Facts, cause: Cause) -> bool:
    """Whether what was decided then would not be decided now: what is left is to send a link."""
    account = facts.account
    assert account is not None
    address = account.reset_address
    return {
        Cause.INACTIVE_ACCOUNT: bool(account.user.is_active),
        Cause.NO_ADDRESS: address is not None,
        Cause.UNVERIFIED_ADDRESS: bool(address and address.verified),
        Cause.NO_PASSWORD: accounts.has_password(account.user),
        Cause.NOT_ACTIVATED: accounts.has_password(account.user),
    }.get(cause, False)


def _now(facts: Facts, cause: Cause) -> Evidence:
    assert facts.account is not None
    if cause == Cause.DISPUTED_ADDRESS:
        state = AccountState.objects.filter(pk=facts.key).first()
        return seen(state, _("It was said over a notice."), state.disputed_at) if state else Evidence(str(cause.label))
    return Evidence(str(cause.label), facts.now, *person(facts.account.user))


def _decided(decision: Decision) -> Evidence:
    return seen(decision, decision.get_outcome_display(), decision.decided_at)


def _asks(facts: Facts, typed: str) -> list[Evidence]:
    """The newest asks for it on the forgot page: whether they found somebody stays unsaid, it may be somebody out of
    scope. What staff or a list asked for would tell that there is an account."""
    same = ResetRequest.objects.filter(asked_as([typed]), decided_at__isnull=False, kind=Kind.FORGOT)
    if facts.viewer is not None and (doors := agents.audiences_of(facts.viewer)) is not None:
        same = same.filter(audience__in=doors)
    newest = list(same.order_by("-requested_at")[:ASKS_SHOWN])
    return [
        Evidence(_("It was asked for on %(at)s.") % {"at": moment(request.requested_at)}, request.requested_at)
        for request in newest
    ]


def _former(facts: Facts, typed: str) -> list[tuple[Email, AbstractBaseUser]]:
    """Accounts within reach whose link went to this address and that have another now."""
    sent = Email.objects.filter(recipient_key=normalise(typed)[:254]).exclude(user_key="").order_by("-queued_at")
    mails = {email.user_key: email for email in sent.filter(kind__in=LINK_KINDS)[:ASKS_SHOWN]}
    people = accounts.by_keys(mails)
    return [(mails[accounts.key_of(user)], user) for user in within(facts.viewer, people.values())][:1]
