"""Backup addresses: the person adds one, proves it by a code, waits, removes it. Staff can do none of that.

For when mail to the main address fails; who asks on the forgot page never learns whether there is one. A thief of a
session needs the password, too, and the waiting time lets the owner of the main address, who is told, step in first.
"""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from recovery import accounts, audit, codes, limits, lockouts, notices, outbox, suppressions, tokens
from recovery.addresses import normalise
from recovery.conf import conf
from recovery.exceptions import BackupRefused, SignInRefused
from recovery.models import AccountState, BackupAddress, Email
from recovery.models.insertion import insert
from recovery.models.primary import atomic
from recovery.origin import Origin
from recovery.reasons import Action, BackupRefusal, BackupState

ADDING, REMOVING = "backup_address", "backup_removal"
"""Limits. Whoever used up the one, a thief with a stolen session too, keeps nobody from removing what was added."""
MOST: Final = 5  # of one account
MOST_TRIES: Final = 5  # at one code
UNCONFIRMED: Final = timedelta(days=30)  # after the end of its newest code, one that nobody confirmed goes


def of_user(user: AbstractBaseUser) -> list[BackupAddress]:
    """All of an account, the oldest first, usable or not."""
    return list(BackupAddress.objects.filter(user_key=accounts.key_of(user)))


def failing(backups: Sequence[BackupAddress]) -> list[str]:
    """Which of these that could be used get no link now, because mail to them came back: their compared addresses."""
    return sorted(suppressions.of(each.address_key for each in backups if each.state == BackupState.USABLE))


@sensitive_variables("password")
def add(
    user: AbstractBaseUser, address: str, *, password: str, origin: Origin, device: str | None = None
) -> BackupAddress:
    """Write down an address and mail it a code; the addresses that the account has are told. One commit, then a ring.

    Adding one that was never confirmed again sends a new code. ``device``: the browser as a known device of ``user``
    (``devices.known``). Raises BackupRefused for a wrong password, while sign-in is refused, for too many tries within
    the hour, too many addresses, an address that the account has already, or while addresses are frozen.
    """
    key = accounts.key_of(user)
    _prove(user, password, limit=ADDING, origin=origin, device=device)
    account, wanted = accounts.of_user(user), normalise(address)[:254]
    if wanted in {normalise(own.text)[:254] for own in account.addresses}:
        raise BackupRefused(BackupRefusal.OWN_ADDRESS)
    with atomic(BackupAddress):
        _hold(key)  # two tabs of one person go one after the other
        known = {each.address_key: each for each in BackupAddress.objects.filter(user_key=key)}
        if wanted in known and known[wanted].state != BackupState.UNCONFIRMED:
            raise BackupRefused(BackupRefusal.ALREADY_THERE)
        if wanted not in known and len(known) >= MOST:
            raise BackupRefused(BackupRefusal.TOO_MANY)
        backup = known.get(wanted)
        if backup is None:
            backup = BackupAddress(user_key=key, address=address, address_key=wanted, code_until=timezone.now())
            insert(backup)
            emails = notices.backup_changed(user, origin=origin)
            audit.record(Action.BACKUP_ADDED, user_key=key, backup=str(backup.pk), told=len(emails))
        else:
            emails = []
        emails = [*_mail_code(backup, origin=origin), *emails]
    outbox.ring(emails)
    return backup


def send_again(backup: BackupAddress, *, origin: Origin) -> None:
    """Mail a new code to an address that is not confirmed; the old one dies. Raises BackupRefused past the limit, or
    while addresses are frozen."""
    if backup.confirmed_at is not None:
        return
    _take(ADDING, backup.user_key)
    with atomic(BackupAddress):
        _hold(backup.user_key)
        emails = _mail_code(backup, origin=origin)
    outbox.ring(emails)


@sensitive_variables("code")
def confirm(backup: BackupAddress, code: str) -> bool:
    """Count a try, and confirm the address if the code is right; commits. Its waiting time begins. False: it is wrong,
    too old, or was tried too often, which all ask for a new one. Raises BackupRefused while addresses are frozen."""
    with atomic(BackupAddress):
        _hold(backup.user_key)
        waiting = BackupAddress.objects.filter(
            pk=backup.pk, confirmed_at=None, code_salt=backup.code_salt, try_count__lt=MOST_TRIES,
            code_until__gt=timezone.now(),
        )  # fmt: skip
        # Counted before it is judged: guesses at the same moment cannot share one try.
        if not waiting.update(try_count=F("try_count") + 1):
            return False
        if not codes.is_right(backup, code):
            return False
        backup.confirmed_at = timezone.now()
        BackupAddress.objects.filter(pk=backup.pk).update(confirmed_at=backup.confirmed_at, code_salt=_salt())
        audit.record(Action.BACKUP_CONFIRMED, user_key=backup.user_key, backup=str(backup.pk))
    return True


@sensitive_variables("password")
def remove(
    user: AbstractBaseUser, backup: BackupAddress, *, password: str, origin: Origin, device: str | None = None
) -> None:
    """Remove it: links that went there die, and all addresses are told, this one, too, if it was usable. One commit,
    then a ring.

    Raises BackupRefused for a wrong password, while sign-in is refused, after too many tries within the hour, or while
    addresses are frozen.
    """
    _prove(user, password, limit=REMOVING, origin=origin, device=device)
    emails: Sequence[Email] = ()
    with atomic(BackupAddress):
        _hold(backup.user_key)
        gone, _ = BackupAddress.objects.filter(pk=backup.pk).delete()
        if gone:
            ended = tokens.revoke(backup.user_key, address=backup.address)
            emails = notices.backup_changed(user, removed=backup, origin=origin)
            audit.record(
                Action.BACKUP_REMOVED,
                user_key=backup.user_key,
                backup=str(backup.pk),
                links_ended=ended,
                told=len(emails),
            )
    outbox.ring(emails)


def wait_anew(user_key: str) -> int:
    """Of the addresses that still wait, let the waiting time begin anew, in the caller's transaction: a thief may have
    added one, and it must not become usable before the owner can remove it. Holds what adding, confirming and removing
    hold; returns how many."""
    limits.hold("backup_address", user_key)
    waiting = BackupAddress.objects.filter(user_key=user_key, confirmed_at__gt=Now() - conf.BACKUP_WAIT)
    return waiting.update(confirmed_at=Now())


def account_deleted(instance: AbstractBaseUser, **signal: Any) -> None:
    """Receiver: with an account go its backup addresses. Whoever gets the same key one day must not inherit them."""
    BackupAddress.objects.filter(user_key=accounts.key_of(instance)).delete()


def next_for(user_key: str, *, not_in: Sequence[str]) -> BackupAddress | None:
    """The usable address that a link should go to next: the oldest that is not suppressed, and none of the compared
    addresses ``not_in``, which have been tried."""
    usable = [
        each for each in BackupAddress.objects.filter(user_key=user_key).usable() if each.address_key not in not_in
    ]
    blocked = suppressions.of(each.address_key for each in usable)
    return next((each for each in usable if each.address_key not in blocked), None)


@sensitive_variables("password")
def _prove(user: AbstractBaseUser, password: str, *, limit: str, origin: Origin, device: str | None) -> None:
    """The password again, counted like a sign-in, and at most so often an hour: a session that somebody left open is
    no proof."""
    key, refusal = accounts.key_of(user), BackupRefused(BackupRefusal.WRONG_PASSWORD)
    _take(limit, key)
    try:
        if lockouts.check_password(user, password, origin=origin, device=device):
            return
    except SignInRefused as refused:
        refusal = BackupRefused(BackupRefusal.LOCKED, until=refused.until)
    audit.record(Action.BACKUP_REFUSED, user_key=key, why=refusal.why)
    raise refusal


def _hold(user_key: str) -> None:
    """Nothing else changes about the account's addresses meanwhile. Raises BackupRefused while they are frozen."""
    limits.hold(ADDING, user_key)
    if AccountState.objects.filter(user_key=user_key).frozen().exists():
        raise BackupRefused(BackupRefusal.FROZEN)


def _take(limit: str, user_key: str) -> None:
    if limits.take({limit: user_key})[0][limit].refused:
        raise BackupRefused(BackupRefusal.TOO_OFTEN)


def _mail_code(backup: BackupAddress, *, origin: Origin) -> list[Email]:
    backup.code_salt, backup.try_count, backup.code_until = _salt(), 0, timezone.now() + codes.LIFE
    backup.save(update_fields=["code_salt", "try_count", "code_until"])
    return notices.backup_code(backup, origin=origin)


def _salt() -> str:
    return secrets.token_hex(16)
