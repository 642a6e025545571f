"""Reset links: made, judged, spent, replaced, purged. The only room that knows a link's secret.

A link is ``selector`` (names the row) and ``verifier`` (256 bits, HMAC-SHA256 of purpose and selector under
a key derived from SECRET_KEY), so that a retried mail carries the same link although only the verifier's
SHA-256 is stored. The verifier is derived, used and forgotten; it is never an attribute of a row.
"""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.db.models import Case, F, Value, When
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.debug import sensitive_variables

from recovery import accounts, audit
from recovery.conf import conf, secret_keys
from recovery.exceptions import SecretLost
from recovery.link_lives import first_lifetime, forced_lifetime, lifetime, lifetimes, outlast_cap
from recovery.models import AuditEvent, BackupAddress, Email, ResetRequest, ResetToken
from recovery.models.insertion import insert
from recovery.models.rows import columns, read, read_pairs, stored
from recovery.reasons import Action, EmailKind, Refusal, TokenState

PURPOSE: Final = "reset"
ACTIVATION: Final = "activation"
_TABLE: Final = ResetToken._meta.db_table
_db_value: Final = partial(stored, ResetToken)
MOST_AT_ONCE: Final = 5000  # mails in one statement: SQLite takes 32 766 parameters
MOST_OPENINGS: Final = 100  # past this a scanner's openings are no longer written down


def issue(
    user: AbstractBaseUser, *, request: ResetRequest, email: Email, address: str, purpose: str = PURPOSE
) -> ResetToken:
    """Write a live link for ``user`` in the caller's transaction; its life starts anew at hand-over."""
    selector = base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode()
    token = ResetToken(
        selector=selector,
        digest=_digest(_derive(purpose, selector, secret_keys()[0])),
        purpose=purpose,
        user_key=accounts.key_of(user),
        address=address,
        fingerprint=accounts.fingerprint(user, selector),
        request=request,
        email=email,
        expires_at=email.send_by + _life(email, purpose),
    )
    insert(token)
    return token


@sensitive_variables("verifier")
def verifier_of(token: ResetToken) -> str:
    """The link's secret, to be put into a mail and forgotten. Raises SecretLost after a key was dropped."""
    for key in secret_keys():
        verifier = _derive(token.purpose, token.selector, key)
        if constant_time_compare(_digest(verifier), token.digest):
            return verifier
    raise SecretLost


def mint_anew(token: ResetToken) -> None:
    """Give a link whose mail was not noted as handed over a secret of today's key, the old key being gone."""
    token.digest = _digest(_derive(token.purpose, token.selector, secret_keys()[0]))
    token.save(update_fields=["digest"])


def _life(email: Email, purpose: str) -> timedelta:
    if purpose == ACTIVATION:
        return first_lifetime()
    return forced_lifetime() if email.kind == EmailKind.FORCED_RESET else lifetime(email.audience)


@sensitive_variables("verifier")
def find(selector: str, verifier: str, *, purpose: str = PURPOSE) -> ResetToken | None:
    """The link with this selector, secret and purpose, dead or alive; None when any of them is wrong."""
    sql = f"SELECT {columns(ResetToken)} FROM {_TABLE} WHERE selector = %s AND purpose = %s"
    token = next(iter(read(ResetToken, sql, [selector, purpose])), None)
    return token if token and constant_time_compare(_digest(verifier), token.digest) else None


@sensitive_variables("verifier")
def find_with_request(selector: str, verifier: str, *, purpose: str = PURPOSE) -> ResetToken | None:
    """As ``find``, and the link's request is read in the same statement."""
    request = ResetRequest._meta.db_table
    sql = (
        f"SELECT {columns(ResetToken)}, {columns(ResetRequest)} FROM {_TABLE}"
        f" JOIN {request} ON {request}.id = {_TABLE}.request_id"
        f" WHERE {_TABLE}.selector = %s AND {_TABLE}.purpose = %s"
    )
    for token, asked in read_pairs(ResetToken, ResetRequest, sql, [selector, purpose]):
        if constant_time_compare(_digest(verifier), token.digest):
            token.request = asked
            return token
    return None


@sensitive_variables("verifier")
def find_and_count(
    selector: str, verifier: str, *, by_person: bool, ip: str = "", purpose: str = PURPOSE
) -> ResetToken | None:
    """As ``find``, and the opening is counted in the same statement; past MOST_OPENINGS only found.

    The secret is compared as its SHA-256, of which a guess controls no part.
    """
    counted = _update(
        f"SET {_COUNTED} WHERE selector = %s AND digest = %s AND purpose = %s AND open_count < {MOST_OPENINGS}",
        [*_opening(by_person=by_person, ip=ip), selector, _digest(verifier), purpose],
    )
    return next(iter(counted), None)


def count_opening(token: ResetToken, opened: AuditEvent, *, by_person: bool, ip: str = "") -> None:
    """Count an opening of a link that was found and write its row of the trail, in one statement on PostgreSQL;
    past MOST_OPENINGS neither."""
    if token.open_count < MOST_OPENINGS:
        values = [*_opening(by_person=by_person, ip=ip), _db_value(models.UUIDField(), token.pk)]
        insert(opened, after=(f"UPDATE {_TABLE} SET {_COUNTED} WHERE id = %s", values))


_COUNTED: Final = (
    "open_count = open_count + 1, opened_at = COALESCE(opened_at, %s),"
    " person_opened_at = COALESCE(person_opened_at, %s), opened_ip = %s"
)


def _opening(*, by_person: bool, ip: str) -> list[Any]:
    moment = _db_value(models.DateTimeField(), timezone.now())
    return [moment, moment if by_person else None, _db_value(models.GenericIPAddressField(), ip or None)]


def refusal(token: ResetToken, user: AbstractBaseUser | None, *, at: datetime | None = None) -> Refusal | None:
    """Why this link cannot set the password of this user now, or None. ``at``: now, by the database's clock."""
    ended = {
        TokenState.USED: Refusal.USED,
        TokenState.REPLACED: Refusal.REPLACED,
        TokenState.REVOKED: Refusal.REVOKED,
        TokenState.EXPIRED: Refusal.EXPIRED,
    }
    if token.state != TokenState.LIVE:
        return ended[TokenState(token.state)]
    if token.expires_at <= (at or timezone.now()):
        return Refusal.EXPIRED
    if user is None or not user.is_active:
        return Refusal.INACTIVE
    if token.purpose == ACTIVATION and accounts.has_joined(user):
        return Refusal.JOINED
    if not constant_time_compare(accounts.fingerprint(user, token.selector), token.fingerprint):
        return Refusal.CREDENTIALS_CHANGED
    return None if reaches(token, user) else Refusal.CREDENTIALS_CHANGED


def reaches(token: ResetToken, user: AbstractBaseUser) -> bool:
    """Whether the address that the link went to is still a verified, or a usable backup, address of the account."""
    if token.address in accounts.of_user(user).verified_addresses:
        return True
    backups = BackupAddress.objects.filter(user_key=token.user_key, address=token.address)
    return backups.usable().exists()


def spend(token: ResetToken) -> bool:
    """Use the link up and revoke its account's other links, in one statement; False if it was not live.

    Of parallel callers exactly one gets True: the others wait for its row lock and then find the link used.
    A caller that gets False must roll back. The revoked ones are written on the trail.
    """
    own, now = _db_value(models.UUIDField(), token.pk), _db_value(models.DateTimeField(), timezone.now())
    # Whoever sets a password is a person, and has opened the link, whatever its opening was taken for.
    ended = _update(
        "SET state = CASE WHEN id = %s THEN %s ELSE %s END, ended_at = %s,"
        " person_opened_at = CASE WHEN id = %s THEN COALESCE(person_opened_at, %s) ELSE person_opened_at END"
        " WHERE user_key = %s AND purpose = %s AND state = %s AND (id <> %s OR expires_at > %s)",
        [
            own, TokenState.USED, TokenState.REVOKED, now,
            own, now,
            token.user_key, token.purpose, TokenState.LIVE, own, now,
        ],
    )  # fmt: skip
    _record(Action.LINK_REVOKED, [other for other in ended if other.pk != token.pk])
    return any(link.pk == token.pk for link in ended)


def handed_over(emails: Sequence[Email]) -> None:
    """The mails left: their links live from now and replace older ones. A statement for 5000 mails, and the trail."""
    for start in range(0, len(emails), MOST_AT_ONCE):
        _handed_over(emails[start : start + MOST_AT_ONCE])
        outlast_cap(ResetToken.objects.filter(email__in=emails[start : start + MOST_AT_ONCE]))


def _handed_over(emails: Sequence[Email]) -> None:
    keys = [_db_value(models.UUIDField(), email.pk) for email in emails]
    table, now = _TABLE, timezone.now()
    listed = ", ".join(["%s"] * len(keys))
    moment = _db_value(models.DateTimeField(), now)
    first = _db_value(models.DateTimeField(), now + first_lifetime())
    forced = [key for key, email in zip(keys, emails, strict=True) if email.kind == EmailKind.FORCED_RESET]
    expiry, expiries = _expiry(now)
    if forced:
        expiry = f"CASE WHEN email_id IN ({', '.join(['%s'] * len(forced))}) THEN %s ELSE {expiry} END"
        expiries = [*forced, _db_value(models.DateTimeField(), now + forced_lifetime()), *expiries]
    left = f"SELECT id FROM {table} WHERE email_id IN ({listed})"
    newer = (
        f"SELECT 1 FROM {table} AS newer WHERE newer.email_id IN ({listed}) AND newer.state = %s"
        f" AND newer.user_key = {table}.user_key AND newer.purpose = {table}.purpose"
        f" AND newer.issued_at > {table}.issued_at"
    )
    ended = _update(
        f"SET state = CASE WHEN EXISTS ({newer}) THEN %s ELSE state END,"
        f" ended_at = CASE WHEN EXISTS ({newer}) THEN %s ELSE ended_at END,"
        f" expires_at = CASE WHEN id NOT IN ({left}) THEN expires_at WHEN purpose = %s THEN %s ELSE {expiry} END"
        f" WHERE state = %s AND (id IN ({left}) OR EXISTS ({newer}))",
        [
            *keys, TokenState.LIVE, TokenState.REPLACED,
            *keys, TokenState.LIVE, moment,
            *keys, ACTIVATION, first, *expiries,
            TokenState.LIVE, *keys, *keys, TokenState.LIVE,
        ],
    )  # fmt: skip
    _record(Action.LINK_REPLACED, [link for link in ended if link.state == TokenState.REPLACED])


def _expiry(now: datetime) -> tuple[str, list[Any]]:
    """When links that left at ``now`` expire, as SQL; each by the audience of its mail where the site has several."""
    lives = lifetimes(["default", *conf.AUDIENCES])
    ends = {name: _db_value(models.DateTimeField(), now + life) for name, life in lives.items()}
    if len(set(ends.values())) == 1:
        return "%s", [ends["default"]]
    audience = f"(SELECT audience FROM {Email._meta.db_table} AS mail WHERE mail.id = {_TABLE}.email_id)"
    others = {name: at for name, at in ends.items() if name != "default"}
    cases = " ".join(["WHEN %s THEN %s"] * len(others))
    values = [each for pair in others.items() for each in pair]
    return f"CASE {audience} {cases} ELSE %s END", [*values, ends["default"]]


def revoke(user_key: str, *, address: str = "") -> int:
    """End all live links of an account, or those that went to ``address``, on the trail as well; returns how many."""
    now = _db_value(models.DateTimeField(), timezone.now())
    ended = _update(
        f"SET state = %s, ended_at = %s WHERE user_key = %s AND state = %s{' AND address = %s' if address else ''}",
        [TokenState.REVOKED, now, user_key, TokenState.LIVE, *([address] if address else [])],
    )
    _record(Action.LINK_REVOKED, ended)
    return len(ended)


def _update(what: str, params: Sequence[Any]) -> list[ResetToken]:
    return read(ResetToken, f"UPDATE {_TABLE} {what} RETURNING {columns(ResetToken)}", params)


def _record(action: str, links: Sequence[ResetToken]) -> None:
    audit.record_each(action, [(link.user_key, link.request_id) for link in links])


def last_issued(user_key: str) -> ResetToken | None:
    """The newest live link of an account to a password."""
    live = ResetToken.objects.filter(user_key=user_key, purpose__in=(PURPOSE, ACTIVATION), state=TokenState.LIVE)
    return live.filter(expires_at__gt=Now()).order_by("-issued_at").first()


def purgeable() -> "models.QuerySet[ResetToken]":
    """Links that ended longer ago than ``RETENTION["links"]``, in whichever state, and that are no tombstones yet."""
    kept, whole = conf.RETENTION["links"], ResetToken.objects.exclude(fingerprint="")
    return whole.none() if kept is None else whole.filter(expires_at__lt=Now() - kept)


def purge(most: int = 1000) -> int:
    """Make tombstones of them: address and fingerprint go, a live one becomes expired. Returns how many.

    Links that still live are never touched, and what is ended is never revived.
    """
    keys = list(purgeable().values_list("pk", flat=True)[:most])
    return (
        purgeable()
        .filter(pk__in=keys)
        .update(
            state=Case(When(state=TokenState.LIVE, then=Value(TokenState.EXPIRED)), default=F("state")),
            ended_at=Coalesce(F("ended_at"), F("expires_at")),
            address="",
            fingerprint="",
        )
    )


@sensitive_variables()
def _derive(purpose: str, selector: str, key: str) -> str:
    mac = salted_hmac("recovery.tokens", f"{purpose}:{selector}", secret=key, algorithm="sha256")
    return base64.urlsafe_b64encode(mac.digest()).rstrip(b"=").decode()


def _digest(verifier: str) -> str:
    return hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).hexdigest()
