"""The person's half: a link is opened, judged at every step, and used up with the new password."""

from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connections, router
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from recovery import accounts, audiences, audit, cases, lockouts, notices, outbox, revoking, tokens
from recovery.conf import conf
from recovery.exceptions import LinkRefused
from recovery.models import AuditEvent, ResetRequest, ResetToken
from recovery.models.insertion import insert
from recovery.models.primary import atomic
from recovery.origin import Origin
from recovery.reasons import Action, Outcome, Refusal, Verdict
from recovery.resets.changing import followed_up
from recovery.signals import announce, link_opened, reset_completed

# Usable backup addresses of an account, an open case, what stops sign-ins: one statement for what is seldom there.
_BESIDES: Final = (
    'SELECT "address", \'backup\' FROM "recovery_backupaddress" WHERE "user_key" = %s AND "confirmed_at" <= %s'
    ' UNION ALL SELECT NULL, \'case\' FROM "recovery_supportcase" WHERE "user_key" = %s AND "closed_at" IS NULL'
    " UNION ALL SELECT NULL, 'lockout' FROM \"recovery_lockout\""
    ' WHERE "user_key" = %s AND "user_key" <> \'\' AND "lifted_at" IS NULL'
    ' UNION ALL SELECT NULL, \'lockout\' FROM "recovery_logincounter" WHERE "key" = %s AND "streak" > 0'
)
_COMPLETE: Final = (
    'UPDATE "recovery_resetrequest" SET "outcome" = %s, "completed_at" = %s, "completed_ip" = %s WHERE "id" = %s'
)


@dataclass(frozen=True, slots=True)
class Opening:
    """What a selector and verifier lead to. ``refusal`` is None where a new password may be set."""

    token: ResetToken | None
    user: AbstractBaseUser | None
    refusal: str | None


@sensitive_variables("verifier")
def stand(selector: str, verifier: str, *, purpose: str = tokens.PURPOSE) -> Opening:
    """Where a link stands right now; reads only."""
    return _judged(tokens.find_with_request(selector, verifier, purpose=purpose))


@sensitive_variables("verifier")
def open_link(selector: str, verifier: str, *, purpose: str = tokens.PURPOSE, verdict: str, origin: Origin) -> Opening:
    """Where a link stands, and write down that it was opened and by whom probably; commits once.

    With the wrong secret nothing is written. Nothing is used up, however often it is opened.
    """
    by_person = verdict == Verdict.PERSON
    if connections[router.db_for_write(ResetToken)].vendor == "postgresql":
        opening = _judged(tokens.find(selector, verifier, purpose=purpose))
        if opening.token is not None:
            noted = _opened(opening, verdict=verdict, origin=origin)
            tokens.count_opening(opening.token, noted, by_person=by_person, ip=origin.ip)
            _announce(opening, verdict)
        return opening
    # Two statements and no round trips: here the opening is counted while the link is found.
    with atomic(ResetToken):
        token = tokens.find_and_count(selector, verifier, by_person=by_person, ip=origin.ip, purpose=purpose)
        if token is None:
            return stand(selector, verifier, purpose=purpose)
        opening = _judged(token)
        insert(_opened(opening, verdict=verdict, origin=origin))
    _announce(opening, verdict)
    return opening


def _announce(opening: Opening, verdict: str) -> None:
    if (token := opening.token) is not None:
        facts = {"user_key": token.user_key, "verdict": str(verdict), "refusal": opening.refusal}
        alias = router.db_for_write(ResetToken)
        announce(link_opened, ResetToken, using=alias, request_id=token.request_id, **facts)


def _opened(opening: Opening, *, verdict: str, origin: Origin) -> AuditEvent:
    return audit.event(
        Action.LINK_OPENED,
        user_key=opening.token.user_key if opening.token else "",
        request_id=opening.token.request_id if opening.token else None,
        verdict=verdict,
        browser=origin.browser,
        refusal=opening.refusal,
        form_shown=opening.refusal is None and verdict == Verdict.PERSON,
    )


@sensitive_variables("verifier")
def see_link(selector: str, verifier: str, *, purpose: str = tokens.PURPOSE, origin: Origin) -> None:
    """Write down that something that is hardly a person's browser fetched the link itself; commits once."""
    open_link(selector, verifier, purpose=purpose, verdict=Verdict.PROBABLE_SCANNER, origin=origin)


def refuse_password(token: ResetToken, *, codes: list[str]) -> None:
    """Write down that the new password broke the site's rules, by the validators' error codes; commits once.
    The link stays good."""
    _refused(Action.PASSWORD_REFUSED, token, codes=codes)


def refuse_link(token: ResetToken, *, why: str) -> None:
    """Write down that a new password came over a link that is dead by now; commits once."""
    _refused(Action.LINK_REFUSED, token, refusal=why)


def _refused(action: str, token: ResetToken, **detail: Any) -> None:
    """Past as many as openings of a link are written down, the trail tells nothing new and must not grow by it."""
    told = AuditEvent.objects.filter(request_id=token.request_id, user_key=token.user_key, action=action)
    if told[: tokens.MOST_OPENINGS].count() < tokens.MOST_OPENINGS:
        audit.record(action, user_key=token.user_key, request_id=token.request_id, **detail)


@sensitive_variables()  # hashers and receivers name the password as they like
def complete(token: ResetToken, user: AbstractBaseUser, password: str, *, origin: Origin) -> None:
    """Set the new password over a link that ``stand`` found good.

    One commit: link used up, password set, the account's other links revoked, sessions ended (with the old
    hash), tokens of other apps revoked, request completed, its open case closed, lockouts that failures brought
    lifted, notices queued, trail written. Raises LinkRefused, with nothing changed, when another post of the same link
    or another change of the password was faster.
    """
    old_hash, request = user.password, token.request
    user.set_password(password)  # a hash takes a quarter of a second: before the transaction
    try:
        with atomic(ResetToken, durable=True):
            if not tokens.spend(token):
                raise LinkRefused(Refusal.USED)
            with followed_up():
                is_replaced = accounts.replace_password(user, old_hash=old_hash, password=password)
            if not is_replaced:
                raise LinkRefused(Refusal.CREDENTIALS_CHANGED)
            completion = _completion(request, origin)
            revoked = revoking.revoke(user)
            backups, has_case, is_locked = _besides(user)
            is_first = token.purpose == tokens.ACTIVATION
            emails = notices.password_changed(
                user, request=request, origin=origin, backups=backups, is_first=is_first, audience=_door_of(token)
            )
            if has_case:
                cases.close_answered([token.user_key])
            if is_locked:
                lockouts.lift_automatic(user)
            facts: dict[str, Any] = {"revoked": revoked} if revoked else {}
            completed = audit.event(
                Action.COMPLETED,
                user_key=token.user_key,
                request=request,
                notices=len(emails),
                browser=origin.browser,
                **facts,
            )
            outbox.write(emails, completed, after=completion)
    except LinkRefused:
        user.password = old_hash
        raise
    outbox.ring(emails)
    reset_completed.send_robust(sender=ResetRequest, user=user, request_id=request.pk)


def _door_of(token: ResetToken) -> str:
    """The door that the link was mailed for; where the site has one only, no row is read for it."""
    email = token.mail() if conf.AUDIENCES else None
    return audiences.of_mail(email, token.user_key) if email else audiences.DEFAULT


def _completion(request: ResetRequest, origin: Origin) -> tuple[str, list[Any]]:
    """Note it in the request, here and in its row, by a statement that is not compiled anew each time."""
    connection = connections[router.db_for_write(ResetRequest)]
    request.outcome, request.completed_at = Outcome.COMPLETED, timezone.now()
    moment = connection.ops.adapt_datetimefield_value(request.completed_at)
    place = connection.ops.adapt_ipaddressfield_value(origin.ip or None)
    return _COMPLETE, [request.outcome, moment, place, ResetRequest._meta.pk.get_db_prep_value(request.pk, connection)]


def _besides(user: AbstractBaseUser) -> tuple[list[str], bool, bool]:
    """Usable backup addresses, whether there is an open case, and whether failures are counted or stop sign-ins."""
    connection, user_key = connections[router.db_for_write(ResetRequest)], accounts.key_of(user)
    waited = connection.ops.adapt_datetimefield_value(timezone.now() - conf.BACKUP_WAIT)
    with connection.cursor() as cursor:
        counter = lockouts.of_name(user.get_username())
        cursor.execute(_BESIDES, [user_key, waited, user_key, user_key, counter])
        found = cursor.fetchall()
    what = {each for _, each in found}
    return [address for address, _ in found if address], "case" in what, "lockout" in what


def _judged(token: ResetToken | None) -> Opening:
    if token is None:
        return Opening(None, None, Refusal.UNKNOWN)
    user = accounts.by_key(token.user_key)
    refusal = tokens.refusal(token, user)
    return Opening(token, user, refusal.value if refusal else None)
