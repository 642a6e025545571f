"""The worker's half of an ask: who is meant, may they be mailed, and the links.

Everything that differs by account happens here, minutes or milliseconds after the page has answered.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import router
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from recovery import accounts, audiences, audit, delivery, gates, level, limits, link_lives, outbox, tokens
from recovery.accounts import Account
from recovery.addresses import normalise
from recovery.conf import conf
from recovery.gates import Verdict
from recovery.models import Decision, Email, ResetRequest, ResetToken
from recovery.models.insertion import insert
from recovery.models.primary import atomic
from recovery.reasons import Action, EmailKind, EmailReason, EmailState, Gate, Kind, Outcome, overall
from recovery.resets import activating, placing
from recovery.signals import announce, reset_decided

LEASE: Final = timedelta(seconds=60)  # a worker that died while deciding is followed by another after this


def fulfil(request_id: UUID) -> str | None:
    """Decide a request and deliver what follows from it; returns its outcome, None if it was not due.

    Commits as ``decide`` does, and then each delivery.
    """
    decided = _decided(request_id)
    if decided is None:
        return None
    request, emails = decided
    for email in emails:
        if email.state == EmailState.QUEUED:
            delivery.deliver(email.pk)
    return request.outcome


def decide(request_id: UUID) -> str | None:
    """Decide a request and queue what follows from it, for a caller that drains the queue anyway; returns its
    outcome, None if it was not due.

    Commits the claim, then the decision with its links and queued mail. Calling it again does nothing: only one
    caller gets the claim, and only an undecided request is claimed.
    """
    decided = _decided(request_id)
    return decided[0].outcome if decided else None


def _decided(request_id: UUID) -> tuple[ResetRequest, list[Email]] | None:
    undecided = ResetRequest.objects.undecided() | ResetRequest.objects.filter(
        outcome=Outcome.RECEIVED, attempt_count=0
    )
    claim = undecided.filter(pk=request_id)
    if not claim.update(attempt_count=F("attempt_count") + 1, next_try_at=Now() + LEASE):
        return None
    request = ResetRequest.objects.get(pk=request_id)
    with atomic(ResetRequest):
        return request, _decide(request)


def expire_late() -> int:
    """End requests that nobody decided before SEND_BY; commits each with its trail row. Returns how many."""
    ended = 0
    for request in late()[:500]:
        with atomic(ResetRequest):
            if _hold(request):
                _close(request, Outcome.EXPIRED)
                ended += 1
    return ended


def late() -> "QuerySet[ResetRequest]":
    """Requests that nobody has decided, and whose mail must not leave any more."""
    is_first = Q(kind=Kind.ACTIVATION)
    first, others = (Q(requested_at__lt=Now() - time) for time in (activating.SEND_BY, conf.SEND_BY))
    return ResetRequest.objects.undecided().filter(is_first & first | ~is_first & others)


def _send_by(request: ResetRequest) -> datetime:
    return request.requested_at + (activating.SEND_BY if request.kind == Kind.ACTIVATION else conf.SEND_BY)


def _decide(request: ResetRequest) -> list[Email]:
    if not _hold(request):
        return []
    if _send_by(request) < timezone.now():
        _close(request, Outcome.EXPIRED)
        return []
    held = level.holds(EmailKind.RESET)
    found = _accounts(request)
    _choose_door(request, found)
    verdicts = [_judge(request, account) for account in found]
    mailed = [verdict for verdict in verdicts if verdict.outcome == Outcome.SENT]
    for verdict in mailed if held else ():
        verdict.outcome = Outcome.LEVEL_BLOCKED
    outcome = overall([verdict.outcome for verdict in verdicts])
    _close(request, outcome, [(verdict.account.key, verdict.outcome) for verdict in verdicts])
    if cooling := [verdict.account.key for verdict in verdicts if verdict.outcome == Outcome.COOLDOWN]:
        link_lives.outlast_cap(ResetToken.objects.filter(user_key__in=cooling), asked=request.identifier)
    if verdicts:
        insert(*[
            Decision(
                request=request, user_key=v.account.key, outcome=v.outcome, address=v.address, gates=v.gates
            )
            for v in verdicts
        ])  # fmt: skip
    else:
        insert(Decision(request=request, outcome=outcome))
    hints, unknown = _sign_in_hints(request, verdicts, held), _unknown_mail(request, verdicts, held)
    return _links(request, mailed, held) + hints + unknown


def _accounts(request: ResetRequest) -> Sequence[Account]:
    if not request.user_key:
        found = accounts.of_identifier(request.identifier)
        return sorted({account.key: account for account in found}.values(), key=lambda account: account.key)
    user = accounts.by_key(request.user_key)
    return [accounts.of_user(user)] if user else []


def _choose_door(request: ResetRequest, found: Sequence[Account]) -> None:
    """Of an ask by staff or the site that named none. What a person asked for keeps the door of the page: the page
    goes by it, and would tell who belongs where."""
    if request.audience == audiences.CHOSEN_LATER:
        request.audience = audiences.of(found[0].user, kind=request.kind) if found else audiences.DEFAULT
        ResetRequest.objects.filter(pk=request.pk).update(audience=request.audience)


def _judge(request: ResetRequest, account: Account) -> Verdict:
    # Staff pass the person's throttle and cool-down; they have a cap of their own.
    is_unlimited = bool(request.actor_key) or request.kind in (Kind.ADMIN, Kind.FORCED)
    return gates.walk(account, kind=request.kind, is_unlimited=is_unlimited, is_within=_is_within)


def _is_within(gate: Gate, account: Account, subjects: Mapping[str, str]) -> bool:
    """The gates that count: of decisions for one account at the same moment, one waits for the other."""
    if gate == Gate.COOLDOWN:
        limits.hold("account", account.key)
        return gates.has_cooled_down(account.key)
    return not any(taken.refused for taken in limits.take(subjects)[0].values())


def _hold(request: ResetRequest) -> bool:
    """Lock the undecided row before anything is read; False if another worker, late or early, decided it."""
    undecided = ResetRequest.objects.filter(pk=request.pk, outcome=Outcome.RECEIVED)
    return bool(undecided.update(decided_at=Now()))


def _close(request: ResetRequest, outcome: str, decided: Sequence[tuple[str, str]] = ()) -> None:
    """Write the outcome of a row that ``_hold`` locked, and its trail: a row for each account that was decided on, so
    that it says whose that is as long as the trail is kept; one for the request where none was."""
    ResetRequest.objects.filter(pk=request.pk).update(outcome=outcome)
    request.outcome = outcome
    insert(*[
        audit.event(Action.DECIDED, request=request, user_key=key, outcome=word, audience=request.audience)
        for key, word in decided or [(request.user_key, outcome)]
    ])  # fmt: skip
    alias = router.db_for_write(ResetRequest)
    announce(reset_decided, ResetRequest, using=alias, request_id=request.pk, outcome=str(outcome))


def _links(request: ResetRequest, verdicts: Sequence[Verdict], held: EmailReason | None) -> list[Email]:
    """One mail an address and kind of link, one link an account on it; also in mail that is held back, which may be
    released in time."""
    mailed: dict[tuple[str, EmailKind], list[Account]] = {}
    for verdict in verdicts:
        mailed.setdefault((verdict.address, verdict.kind), []).append(verdict.account)
    emails = []
    for (address, kind), owners in mailed.items():
        emails += _queue(request, kind, address, owners, held=held)
        purpose = tokens.ACTIVATION if kind == EmailKind.ACTIVATION else tokens.PURPOSE
        for account in owners:
            tokens.issue(account.user, request=request, email=emails[-1], address=address, purpose=purpose)
    return emails


def _sign_in_hints(request: ResetRequest, verdicts: Sequence[Verdict], held: EmailReason | None) -> list[Email]:
    """Where the site names another way to sign in, people without a password here are told of it."""
    way = conf.NO_PASSWORD_SIGN_IN
    emails: list[Email] = []
    for verdict in verdicts if way else ():
        address = verdict.account.reset_address
        if way and verdict.outcome == Outcome.NO_PASSWORD and address and address.verified:
            if limits.take({"account": verdict.account.key})[0]["account"].refused:
                continue
            context = {"sign_in_name": way["NAME"], "sign_in_url": way["URL"]}
            emails += _queue(request, EmailKind.NO_PASSWORD, address.text, [verdict.account], context, held=held)
    return emails


def _unknown_mail(request: ResetRequest, verdicts: Sequence[Verdict], held: EmailReason | None) -> list[Email]:
    """The one mail to an address nobody stored: off by default, with a low limit, and no text of the asker."""
    if verdicts or not conf.UNKNOWN_ACCOUNT_MAIL or request.kind != Kind.FORGOT:
        return []
    try:
        validate_email(request.identifier)
    except ValidationError:
        return []
    if limits.take({"unknown_account_mail": normalise(request.identifier)})[0]["unknown_account_mail"].refused:
        return []
    return _queue(request, EmailKind.UNKNOWN_ACCOUNT, request.identifier, [], held=held)


def _queue(
    request: ResetRequest,
    kind: str,
    address: str,
    owners: Sequence[Account],
    context: dict[str, Any] | None = None,
    *,
    held: EmailReason | None,
) -> list[Email]:
    names = {account.key: accounts.name_of(account.user) for account in owners}
    places = placing.placed(request, [account.user for account in owners])
    return outbox.queue(
        kind,
        [address],
        send_by=_send_by(request),
        user_key=owners[0].key if len(owners) == 1 else "",
        request=request,
        audience=places.audience,
        language=request.language,
        context={"usernames": names, **places.context, **(context or {})},
        held=held,
    )
